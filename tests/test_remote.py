"""Units on a real local cluster: the same bytes, the same cache, and what happens when something dies."""

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter

import pytest

from replicate import remote, sweep
from replicate.cluster import Link, Local, start
from replicate.errors import UnitFailed, UserError
from replicate.sweep import Sweeper

UNITS = """
import os, signal
from pathlib import Path


def noise(config, seed):
    with open(config["log"], "a") as file:
        file.write(f"{config['i']}\\n")
    return [{"metric": "draw", "value": v, "step": s} for s, v in enumerate(seed.rng("draw", config["i"]).random(2))]


def fails_on_odd(config, seed):
    if config["i"] % 2:
        raise ArithmeticError(f"{config['i']} is odd")
    return [{"metric": "i", "value": config["i"]}]


def dies_once(config, seed):
    mark = Path(config["mark"])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"metric": "i", "value": config["i"]}]


def dies_always(config, seed):
    if config["i"] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"metric": "i", "value": config["i"]}]
"""


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """Import the units from a file that workers can import as well."""
    folder = tmp_path_factory.mktemp("units")
    (folder / "remote_units.py").write_text(UNITS)
    sys.path.insert(0, str(folder))
    import remote_units

    yield remote_units
    sys.path.remove(str(folder))
    del sys.modules["remote_units"]


@pytest.fixture(scope="module")
def link(units):
    """Start two workers on this machine."""
    pytest.importorskip("distributed")
    environment = {"PYTHONPATH": os.pathsep.join([os.path.dirname(units.__file__), *sys.path])}
    with start(Local(kind="local", workers=2, memory="2GiB", environment=environment)) as (found, dashboard):
        assert dashboard.startswith("http://127.0.0.1:")
        yield found


def undisturbed(tmp_path, unit, todo) -> str:
    """Return the table of a run on this machine in which nothing happened, from an empty cache."""
    return Sweeper("toy", cache=tmp_path / "undisturbed")(unit, todo)[0].to_csv()


def work(log, n=6):
    return [({"i": i, "log": str(log)}, r) for i in range(n) for r in range(2)]


def test_a_cluster_gives_the_same_frame_and_fills_the_same_cache(units, link, tmp_path):
    """Where a unit ran must not show; and nothing is computed again, here or there."""
    log = tmp_path / "log"
    near, far = Sweeper("toy", cache=tmp_path / "near"), Sweeper("toy", cache=tmp_path / "far", link=link)
    ours, _ = near(units.noise, work(log))
    theirs, cost = far(units.noise, work(log))
    assert ours.to_csv() == theirs.to_csv()
    assert (cost.units, cost.computed) == (12, 12)
    assert cost.peak_mib > 10
    lines = log.read_text().splitlines()
    again, cost = Sweeper("toy", cache=tmp_path / "far")(units.noise, work(log))  # without the cluster
    assert (again.to_csv(), cost.computed) == (ours.to_csv(), 0)
    assert log.read_text().splitlines() == lines


def test_a_unit_that_raises_is_reported_and_the_others_are_kept(units, link, tmp_path):
    """One bad configuration of thousands must not cost the rest."""
    far = Sweeper("toy", cache=tmp_path, link=link)
    todo = [({"i": i}, 0) for i in range(6)]
    with pytest.raises(UnitFailed, match=r"(?s)3 of 6 units of fails_on_odd failed.*ArithmeticError: 1 is odd"):
        far(units.fails_on_odd, todo)
    frame, cost = far(units.fails_on_odd, todo[::2])
    assert (frame.to_csv(), cost.computed) == (undisturbed(tmp_path, units.fails_on_odd, todo[::2]), 0)


def test_a_worker_that_dies_is_replaced_and_its_unit_done_again(units, link, tmp_path):
    """A node that reboots costs time, not results."""
    far = Sweeper("toy", cache=tmp_path, link=link)
    todo = [({"i": i, "mark": str(tmp_path / "mark")}, 0) for i in range(3)]
    frame, cost = far(units.dies_once, todo)
    assert cost.computed == 3
    assert frame.to_csv() == undisturbed(tmp_path, units.dies_once, todo)  # the mark is there: nobody dies


def test_a_unit_that_kills_every_worker_is_given_up(units, link, tmp_path):
    """Too much memory, say: the unit is named, the others are done."""
    far = Sweeper("toy", cache=tmp_path, link=link)
    todo = [({"i": i}, 0) for i in range(3)]
    with pytest.raises(UnitFailed, match=r"(?s)1 of 3 units of dies_always failed.*'i': 0.*KilledWorker"):
        far(units.dies_always, todo)
    frame, cost = far(units.dies_always, todo[1:])
    assert (frame.to_csv(), cost.computed) == (undisturbed(tmp_path, units.dies_always, todo[1:]), 0)


def test_workers_with_other_code_or_data_are_refused(units, monkeypatch):
    """A result of other code under this code's key would poison the cache."""
    base = {"modules": {"remote_units": "1"}, "libraries": {}, "data": {}}
    here = {**base, "code": {"remote_units": "2"}}
    monkeypatch.setattr(remote, "_here", lambda unit, data: {k: here[k] for k in ("code", "libraries", "data")})
    task = sweep.Task({"i": 0}, sweep.Seed(0, 0), "key")
    found = remote._on_worker(task, unit=units.fails_on_odd, device="cpu", base=base)
    assert "has other code: remote_units; install the same commit" in found


def test_no_scheduler_at_the_address(units, tmp_path):
    """A forgotten scheduler is said so, in words."""
    pytest.importorskip("distributed")
    from dask import config

    with config.set({"distributed.comm.timeouts.connect": "1s"}):
        with pytest.raises(UnitFailed, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
            Sweeper("toy", cache=tmp_path, link=Link("tcp://127.0.0.1:9"))(units.fails_on_odd, [({"i": 0}, 0)])
        from replicate.cluster import Address

        with (
            pytest.raises(UserError, match="no scheduler answers"),
            start(Address(kind="address", address="tcp://127.0.0.1:9", wait_seconds=1)),
        ):
            pass


def test_a_scheduler_that_is_killed_loses_nothing_that_was_finished(units, tmp_path):
    """The sweep ends with an error that says so; the next one computes only the rest."""
    pytest.importorskip("distributed")
    code = f"""
        import sys, time, threading, os, signal
        sys.path.insert(0, {os.path.dirname(units.__file__)!r})
        from pathlib import Path
        import remote_units
        from replicate.cluster import Link
        from replicate.errors import UnitFailed
        from replicate.sweep import Sweeper
        from replicate.unit_cache import UnitCache
        link, stored, store = Link(sys.argv[1]), [], UnitCache.store
        def counting(self, *args):
            store(self, *args)
            stored.append(1)
            if len(stored) == 2:
                os.kill(int(sys.argv[2]), signal.SIGKILL)
        UnitCache.store = counting
        try:
            work = [({{"i": i, "log": {str(tmp_path / "log")!r}}}, 0) for i in range(400)]
            Sweeper("toy", cache=Path({str(tmp_path / "cache")!r}), link=link)(remote_units.noise, work)
        except UnitFailed as error:
            print("UnitFailed:", error)
        else:
            print("finished")
        sys.stdout.flush()
        os._exit(0)
    """
    port = _free_port()
    path = os.pathsep.join([os.path.dirname(units.__file__), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
         "--port", port, "--no-dashboard"],
        env=env, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1",
         "--no-dashboard", "--death-timeout", "20"],
        env=env, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), f"tcp://127.0.0.1:{port}", str(scheduler.pid)],
            env=env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert "went away; finished units are cached" in done.stdout, done.stdout + done.stderr[-3000:]
        kept = len(list((tmp_path / "cache").rglob("*.json")))
        assert 2 <= kept < 400
        worker.kill()  # it may hold units that nobody waits for any more
        worker.wait()
        done_by_then = Counter((tmp_path / "log").read_text().split())
        assert set(done_by_then.values()) == {1}
        todo = [({"i": i, "log": str(tmp_path / "log")}, 0) for i in range(400)]
        frame, cost = Sweeper("toy", cache=tmp_path / "cache")(units.noise, todo)
        assert cost.computed == 400 - kept
        twice = [i for i, count in Counter((tmp_path / "log").read_text().split()).items() if count > 1]
        assert len(twice) == done_by_then.total() - kept  # computed, but the scheduler died before it could say so
        assert frame.to_csv() == undisturbed(tmp_path, units.noise, todo)
    finally:
        for process in (worker, scheduler):
            process.send_signal(signal.SIGKILL)
            process.wait()


def _free_port() -> str:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])
