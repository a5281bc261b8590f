"""Sweeps: the same bytes in any order and on any number of workers, nothing computed twice, nothing stale."""

import importlib
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

from replicate import fingerprint, sweep, workers
from replicate.errors import StaleCode, UnitFailed
from replicate.limits import Limits
from replicate.seeds import Seed
from replicate.sweep import Cost, Sweeper, grid

UNITS = '''
import os, signal, sys
from pathlib import Path
import numpy as np


def log(config):
    if "log" in config:
        with open(config["log"], "a") as file:
            file.write(f"{config['i']}\\n")


def noise(config, seed):
    log(config)
    draws = seed.rng("draw", config["i"]).random(2)
    return [{"metric": "draw", "value": v, "step": s, "unit": "m"} for s, v in enumerate(draws)]


def on_device(config, seed, *, device):
    log(config)
    return [{"metric": "device", "value": len(device)}]


def repeatable(config, seed, *, device):
    import torch

    return [{"metric": "deterministic", "value": int(torch.are_deterministic_algorithms_enabled())}]


def mutates(config, seed):
    config["i"] += 100
    config["list"].append(1)
    return [{"metric": "i", "value": config["i"]}]


def fails_on_odd(config, seed):
    log(config)
    if config["i"] % 2:
        raise ArithmeticError(f"{config['i']} is odd")
    return [{"metric": "i", "value": config["i"]}]


def special(config, seed):
    yield {"metric": "nan", "value": np.float64("nan")}
    yield {"metric": "inf", "value": -np.inf}
    yield {"metric": "tiny", "value": 5e-324}
    yield {"metric": "sum", "value": 0.1 + 0.2}


def no_value(config, seed):
    return [{"metric": "a"}]


def no_rows(config, seed):
    return None


def threads(config, seed):
    from threadpoolctl import threadpool_info

    counts = [pool["num_threads"] for pool in threadpool_info()]
    if config["i"] == 0:
        import torch

        counts.append(torch.get_num_threads())
    return [{"metric": "threads", "value": max(counts)}]


def stops(config, seed):
    """Stop at unit 3 until killed, as long as the gate is closed."""
    log(config)
    if config["i"] == 3 and Path(config["gate"]).exists():
        print("reached", flush=True)
        signal.pause()
    return [{"metric": "i", "value": config["i"]}]


def dies(config, seed):
    log(config)
    if config["i"] == 3 and Path(config["gate"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"metric": "i", "value": config["i"]}]


def hangs(config, seed):
    log(config)
    while config["i"] == 1:
        try:
            signal.pause()
        except Exception:
            pass
    return [{"metric": "i", "value": config["i"]}]


def grows(config, seed):
    held = [bytearray(2**22) for _ in range(config["i"])]  # 4 MiB each
    for block in held:
        block[::4096] = b"x" * 1024
    while config["i"] > 100:
        signal.sigtimedwait([], 0.01)
    return [{"metric": "i", "value": config["i"]}]


def large(config, seed):
    return [{"metric": "i", "value": config["i"], "text": "x" * config["size"]}]


def factory():
    def inner(config, seed):
        return []
    return inner


class Holder:
    def method(self, config, seed):
        return []
'''

SCRIPT = """
import sys
from pathlib import Path
from replicate.sweep import Sweeper
from toy_units import stops

jobs, log, gate, cache, out = sys.argv[1:]
work = [({"i": i, "log": log, "gate": gate}, 0) for i in range(6)]
frame, cost = Sweeper("toy", jobs=int(jobs), cache=Path(cache))(stops, work)
frame.to_csv(out, index=False)
print("computed", cost.computed)
"""


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """Import the toy units from a folder that worker processes import them from, too."""
    folder = tmp_path_factory.mktemp("units")
    (folder / "toy_units.py").write_text(UNITS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))
        yield importlib.import_module("toy_units")
    sys.modules.pop("toy_units", None)


@pytest.fixture
def sweeper(tmp_path):
    """Return a maker of sweepers that share one fresh cache."""
    return lambda **options: Sweeper(**{"paper": "toy", "cache": tmp_path / "cache", **options})


@pytest.fixture
def log(tmp_path):
    """Return the file to which units append a line when they compute."""
    return tmp_path / "log"


def work(n=4, replicates=1, **more):
    """Return configurations i = 0..n-1, each with its replicates."""
    return [({"i": i, **more}, r) for i in range(n) for r in range(replicates)]


def csv(frame) -> bytes:
    """Return a frame as the bytes of its result file."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def lines(log: Path) -> list[str]:
    """Return which units computed, in order."""
    return log.read_text().split() if log.exists() else []


def undisturbed(tmp_path, unit, todo) -> bytes:
    """Return the result file of a run in which nothing happened, from an empty cache."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as fresh:
        return csv(Sweeper("toy", cache=Path(fresh))(unit, todo)[0])


def cached(folder: Path) -> list[Path]:
    """Return the files of all finished units."""
    return sorted(folder.rglob("[!.]*.json"))


# ------------------------------------------------------------------------------- the same bytes, always


def test_neither_order_nor_workers_show_in_the_result(units, tmp_path):
    """Results that depend on scheduling cannot be reproduced, not even on the same machine."""
    todo = work(6, replicates=2)
    shuffled = random.Random(0).sample(todo, len(todo))
    one, _ = Sweeper("toy", jobs=1, cache=tmp_path / "1")(units.noise, todo)
    two, _ = Sweeper("toy", jobs=2, cache=tmp_path / "2")(units.noise, shuffled)
    again, cost = Sweeper("toy", jobs=2, cache=tmp_path / "2")(units.noise, todo)
    assert csv(one) == csv(two) == csv(again)
    assert cost.computed == 0


def test_rows_are_tidy_sorted_and_full(units, sweeper):
    """Figures and tables read these columns; the order must not depend on text ('10' before '2')."""
    frame, _ = sweeper()(units.noise, [({"i": i}, 0) for i in (10, 2)])
    assert list(frame.columns) == ["paper", "experiment", "i", "seed", "step", "metric", "value", "unit", "status"]
    assert frame["i"].tolist() == [2, 2, 10, 10]
    assert frame["value"].tolist() == [v for i in (2, 10) for v in Seed(0, 0).rng("draw", i).random(2)]
    assert set(frame["paper"]) == {"toy"}
    assert set(frame["experiment"]) == {"noise"}
    assert set(frame["status"]) == {"ok"}


AWKWARD = [{"i": 1}, {"i": 1.0}, {"i": True}, {"i": None}, {"i": "None"}, {"i": "1"}, {"i": [1]}, {"i": "[1]"},
           {"j": 1}, {"i": 1, "j": 2}, {}, {"i": math.nan}, {"i": math.inf}, {"i": 0}]  # fmt: skip


@pytest.mark.parametrize("shuffle", range(5))
def test_configurations_that_sort_alike_keep_one_order(shuffle):
    """A tie (1 and 1.0, {'i': 1} and {'j': 1}, NaN) would fall back to the order of the caller."""
    tasks = [sweep.Task(config, Seed(0, r), "") for config in AWKWARD for r in (0, 1)]
    shuffled = random.Random(shuffle).sample(tasks, len(tasks))
    assert list(map(repr, sorted(shuffled, key=sweep._order))) == list(map(repr, sorted(tasks, key=sweep._order)))


def test_a_unit_may_change_its_configuration(units, tmp_path):
    """The change would reach the result in this process, but not from a worker."""
    todo = [({"i": i, "list": []}, 0) for i in range(2)]
    frames = [Sweeper("toy", jobs=n, cache=tmp_path / str(n))(units.mutates, todo)[0] for n in (1, 2)]
    assert csv(frames[0]) == csv(frames[1])
    assert frames[0]["i"].tolist() == [0, 1]


def test_special_values_survive_the_cache(units, sweeper):
    """A diverged run is a result: NaN and infinities must come back as such, and every digit of the rest."""
    fresh, _ = sweeper()(units.special, [({}, 0)])
    again, cost = sweeper()(units.special, [({}, 0)])
    assert cost.computed == 0
    assert csv(fresh) == csv(again)
    nan, *rest = again["value"]
    assert math.isnan(nan)
    assert rest == [-math.inf, 5e-324, 0.1 + 0.2]


@pytest.mark.parametrize("jobs", [1, 2])
def test_units_compute_with_one_thread(units, tmp_path, jobs):
    """Sums in another order change the last bits: results would depend on the machine's cores."""
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        frame, _ = Sweeper("toy", jobs=jobs, cache=tmp_path)(units.threads, work(jobs))
        assert frame["value"].tolist() == [1] * jobs
        assert torch.get_num_threads() == 2, "the caller's setting must come back"
    finally:
        torch.set_num_threads(before)


def test_nothing_to_do_is_an_empty_frame(units, sweeper):
    """A preset may leave an experiment out."""
    frame, cost = sweeper(jobs=2)(units.noise, [])
    assert len(frame) == 0
    assert cost == Cost()


# --------------------------------------------------------------------------- nothing is computed twice


def test_a_second_run_computes_nothing(units, sweeper, log):
    """Re-running a notebook must cost seconds; its cost is still what the results cost."""
    todo = work(3, log=str(log))
    _, first = sweeper()(units.noise, todo)
    _, second = sweeper()(units.noise, todo)
    assert lines(log) == ["0", "1", "2"]
    assert (first.units, first.computed, second.units, second.computed) == (3, 3, 3, 0)
    assert second.wall_seconds == pytest.approx(first.wall_seconds)
    assert second.peak_mib == first.peak_mib > 1


def test_a_larger_sweep_reuses_the_smaller(units, sweeper, log):
    """Going up a preset or adding replicates must only add."""
    sweeper()(units.noise, work(2, log=str(log)))
    frame, cost = sweeper()(units.noise, work(3, replicates=2, log=str(log)))
    assert (cost.units, cost.computed, len(frame)) == (6, 4, 12)


def test_duplicates_are_computed_once(units, sweeper, log):
    """The same unit asked for twice would double its weight in every mean."""
    twice = [*work(2, log=str(log)), ({"log": str(log), "i": np.int64(1)}, 0)]
    frame, cost = sweeper()(units.noise, twice)
    assert (lines(log), cost.units, len(frame)) == (["0", "1"], 2, 4)


def _start(jobs, tmp_path):
    command = [sys.executable, tmp_path / "go.py", str(jobs), *(tmp_path / n for n in ("log", "gate", "cache", "out"))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_sweep_resumes(units, tmp_path, log, jobs):
    """After SIGKILL in the middle, what was finished is not computed again and the result is the same."""
    (tmp_path / "go.py").write_text(SCRIPT)
    (tmp_path / "gate").touch()
    process = _start(jobs, tmp_path)
    try:
        assert process.stdout.readline() == "reached\n"
        finished = len(cached(tmp_path / "cache"))
        assert finished >= 4 - jobs
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    finished = len(cached(tmp_path / "cache"))
    started = lines(log)
    (tmp_path / "gate").unlink()
    out, _ = _start(1, tmp_path).communicate()
    assert out == f"computed {6 - finished}\n"
    assert len(lines(log)) == len(started) + 6 - finished
    assert set(lines(log)) == set("012345")
    assert sum(count - 1 for count in Counter(lines(log)).values()) <= jobs, "only what was cut off is done again"
    todo = work(6, log=str(log), gate=str(tmp_path / "gate"))
    assert (tmp_path / "out").read_bytes() == undisturbed(tmp_path, units.stops, todo)


def test_a_killed_worker_keeps_what_was_finished(units, sweeper, log, tmp_path):
    """The out-of-memory killer takes one worker: the sweep must end with an error, and resume."""
    (tmp_path / "gate").touch()
    todo = work(6, log=str(log), gate=str(tmp_path / "gate"))
    with pytest.raises(UnitFailed, match=r"worker process of dies was killed.*JOBS=1"):
        sweeper(jobs=2)(units.dies, todo)
    finished = len(cached(tmp_path / "cache"))
    assert finished >= 2
    (tmp_path / "gate").unlink()
    frame, cost = sweeper()(units.dies, todo)
    assert cost.computed == 6 - finished
    assert sum(count - 1 for count in Counter(lines(log)).values()) <= 2, "only what was cut off is done again"
    assert csv(frame) == undisturbed(tmp_path, units.dies, todo)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failing_unit_leaves_the_others_cached(units, sweeper, log, tmp_path, jobs):
    """One diverging configuration of a hundred must cost one unit, and be named."""
    todo = work(4, replicates=2, log=str(log))
    with pytest.raises(UnitFailed) as caught:
        sweeper(jobs=jobs)(units.fails_on_odd, todo)
    message = str(caught.value)
    assert "4 of 8 units of fails_on_odd failed; the others are cached:" in message
    assert f"{{'i': 3, 'log': '{log}'}}, replicate 1: ArithmeticError: 3 is odd" in message
    assert "first traceback:\nTraceback (most recent call last)" in message
    assert 'raise ArithmeticError(f"{config' in message
    log.unlink()
    with pytest.raises(UnitFailed):
        sweeper()(units.fails_on_odd, todo)
    assert sorted(lines(log)) == ["1", "1", "3", "3"]
    even = [w for w in todo if w[0]["i"] % 2 == 0]
    frame, cost = sweeper()(units.fails_on_odd, even)
    assert (csv(frame), cost.computed) == (undisturbed(tmp_path, units.fails_on_odd, even), 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_unit_that_hangs_is_stopped_and_the_rest_goes_on(units, sweeper, log, tmp_path, jobs):
    """One configuration that never converges must not hold a night's run, whatever it catches."""
    with pytest.raises(UnitFailed, match=r"(?s)1 of 4 units of hangs failed.*'i': 1.*took longer than 0\.5 s"):
        sweeper(jobs=jobs, limits=Limits(seconds=0.5))(units.hangs, work(log=str(log)))
    rest = [w for w in work(log=str(log)) if w[0]["i"] != 1]
    frame, cost = sweeper()(units.hangs, rest)
    assert sorted(lines(log)) == list("0123")
    assert (csv(frame), cost.computed) == (undisturbed(tmp_path, units.hangs, rest), 0)


def test_a_unit_that_takes_too_much_memory_is_stopped(units, sweeper, tmp_path):
    """The process would be killed, and take the others' work with it."""
    small, huge = ({"i": 1}, 0), ({"i": 150}, 0)
    allowed = psutil.Process().memory_info().rss / 2**20 + 300
    with pytest.raises(UnitFailed, match=r"(?s)1 of 2 units of grows failed.*'i': 150.*MiB, more than"):
        sweeper(limits=Limits(mib=allowed))(units.grows, [small, huge])
    frame, cost = sweeper()(units.grows, [small])
    assert (csv(frame), cost.computed) == (undisturbed(tmp_path, units.grows, [small]), 0)


def test_limits_leave_units_within_them_alone(units, sweeper, tmp_path):
    """The same bytes with and without; signal handlers are put back."""
    before = signal.getsignal(signal.SIGUSR2)
    free, _ = Sweeper("toy", cache=tmp_path / "free")(units.noise, work())
    limited, _ = sweeper(limits=Limits(60, 1e6))(units.noise, work())
    assert csv(free) == csv(limited)
    assert signal.getsignal(signal.SIGUSR2) == before
    assert Limits.from_environment() == Limits()


@pytest.mark.parametrize("limits", [Limits(), Limits(2.5), Limits(None, 100), Limits(1, 2)])
def test_limits_travel_through_the_environment(limits, monkeypatch):
    """Kernels are other processes."""
    for name, value in limits.environment().items():
        monkeypatch.setenv(name, value)
    assert Limits.from_environment() == limits


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 256 kB; skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(units, small_disk, tmp_path):
    """What was stored stays, what was not is named; with space again the result is the undisturbed one."""
    todo = work(8, size=50_000)
    with pytest.raises(UnitFailed, match=r"(?s)units of large failed.*cannot be written \(No space left on device\)"):
        Sweeper("toy", cache=small_disk)(units.large, todo)
    kept = cached(small_disk)
    assert 1 <= len(kept) < 8
    assert {p for p in small_disk.rglob("*") if p.is_file()} == set(kept)
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    frame, cost = Sweeper("toy", cache=small_disk)(units.large, todo)
    assert cost.computed == 8 - len(kept)
    assert csv(frame) == csv(Sweeper("toy", cache=tmp_path / "cache")(units.large, todo)[0])


def test_many_failures_stay_readable(units, sweeper):
    """A hundred tracebacks hide the first."""
    with pytest.raises(UnitFailed, match="50 of 100 units") as caught:
        sweeper()(units.fails_on_odd, work(100))
    assert str(caught.value).count("ArithmeticError: ") == 5 + 1


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-20], lambda text: text.replace('"value": 0', '"value": 1'), lambda _: ""]
)
def test_a_damaged_cache_file_is_computed_again(units, sweeper, log, tmp_path, damage):
    """A truncated or altered file must never become a result."""
    todo = work(2, log=str(log))
    whole, _ = sweeper()(units.noise, todo)
    for path in cached(tmp_path / "cache"):
        path.write_text(damage(path.read_text()))
    again, cost = sweeper()(units.noise, todo)
    assert cost.computed == 2
    assert csv(again) == csv(whole)


# ------------------------------------------------------------------------------------ nothing is stale


def test_edited_source_computes_again(tmp_path, monkeypatch, sweeper):
    """Results of old code under new code are the worst kind of wrong."""
    path = tmp_path / "edited_unit.py"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path.write_text("def unit(config, seed):\n    return [{'metric': 'a', 'value': 1}]\n")
    module = importlib.import_module("edited_unit")
    first, _ = sweeper()(module.unit, [({}, 0)])
    path.write_text("def unit(config, seed):\n    return [{'metric': 'a', 'value': 1 + 1}]\n")
    importlib.reload(module)
    second, cost = sweeper()(module.unit, [({}, 0)])
    del sys.modules["edited_unit"]
    assert (first["value"].tolist(), second["value"].tolist(), cost.computed) == ([1], [2], 1)


@pytest.mark.parametrize("what", ["module_sources", "library_versions"])
def test_a_changed_dependency_computes_again(units, sweeper, monkeypatch, what):
    """The modules and libraries a unit imports count as much as its own file."""
    monkeypatch.setattr(fingerprint, what, lambda name: {"replicate.seeds": "1"})
    sweeper()(units.noise, work(2))
    monkeypatch.setattr(fingerprint, what, lambda name: {"replicate.seeds": "2"})
    assert sweeper()(units.noise, work(2))[1].computed == 2
    monkeypatch.setattr(fingerprint, what, lambda name: {"replicate.seeds": "1"})
    assert sweeper()(units.noise, work(2))[1].computed == 0, "going back must find the old results"


@pytest.mark.parametrize("change", [{"data": {"digits": "h2"}}, {"base_seed": 1}, {"data": {}}])
def test_other_data_or_seed_computes_again(units, sweeper, change):
    """Results of other data must not pass for results of these."""
    before = sweeper(data={"digits": "h1"})(units.noise, work(2))[1]
    after = sweeper(**{"data": {"digits": "h1"}, **change})(units.noise, work(2))[1]
    assert (before.computed, after.computed) == (2, 2)


def test_the_device_counts_only_where_it_is_used(units, sweeper):
    """A GPU computes other bits; a unit that never sees the device must not run twice for it."""
    for unit, computed in ((units.noise, 0), (units.on_device, 2)):
        sweeper(device="cpu")(unit, work(2))
        assert sweeper(device="cuda")(unit, work(2))[1].computed == computed
    frame, _ = sweeper(device="cuda")(units.on_device, work(1))
    assert frame["value"].tolist() == [len("cuda")]


@pytest.mark.parametrize(("unit", "parallel"), [("noise", True), ("on_device", False)])
def test_only_units_on_the_gpu_are_kept_to_one_process(units, sweeper, monkeypatch, unit, parallel):
    """Two processes on one GPU run out of memory; CPU units must not crawl because a GPU is there."""
    used = []
    real = workers.compute
    monkeypatch.setattr(workers, "compute", lambda *args: used.append(1) or real(*args))
    sweeper(device="cuda", jobs=2)(getattr(units, unit), work(2))
    assert bool(used) == parallel


def test_different_units_do_not_share_results(units, sweeper):
    """Two functions of one module, same configuration: two results."""
    sweeper()(units.noise, work(1))
    assert sweeper()(units.fails_on_odd, work(1))[1].computed == 1


# --------------------------------------------------------------------------------- mistakes are refused


@pytest.mark.parametrize(
    ("value", "kind"), [(np.zeros(2), "ndarray"), ({"a": 1}, "dict"), (len, "builtin_function_or_method")]
)
def test_unsupported_configurations_are_refused(units, sweeper, value, kind):
    """A configuration without an exact text has no key."""
    with pytest.raises(TypeError, match=f"'grid': a configuration or row may hold text, numbers .*, not {kind}"):
        sweeper()(units.noise, [({"i": 0, "grid": value}, 0)])


@pytest.mark.parametrize("name", ["seed", "value", "metric", "paper", "experiment", "status"])
def test_configurations_may_not_hide_behind_result_columns(units, sweeper, name):
    """The result's column would replace the configuration's without a word."""
    with pytest.raises(ValueError, match=f"may not use the names of results: {name}"):
        sweeper()(units.noise, [({"i": 0, name: 1}, 0)])


@pytest.mark.parametrize(
    ("unit", "message"), [("no_value", "missing: value"), ("no_rows", "'NoneType' object is not iterable")]
)
def test_what_is_not_rows_is_refused(units, sweeper, tmp_path, unit, message):
    """A unit that forgets its value or its return must fail where it is, and not be cached."""
    with pytest.raises(UnitFailed, match=message):
        sweeper()(getattr(units, unit), [({}, 0)])
    assert cached(tmp_path / "cache") == []


def test_functions_that_capture_things_are_refused(units, sweeper):
    """What a closure, a lambda or an object holds is not in the key: two of them would share results."""
    for unit in (units.factory(), lambda config, seed: [], units.Holder().method, units.Holder, len):
        with pytest.raises(TypeError, match="not a module's own function"):
            sweeper()(unit, [({}, 0)])


def test_functions_without_a_file_are_refused(sweeper):
    """A notebook cell has no source to fingerprint: edits would go unseen."""
    cell = {"__name__": "__main__"}
    exec(compile("def unit(config, seed):\n    return []\n", "<ipython-input>", "exec"), cell)
    with pytest.raises(TypeError, match="unit has no source file: move it from the notebook into a module"):
        sweeper()(cell["unit"], [({}, 0)])


# ------------------------------------------------------------------------------------------ small parts


def test_grid_is_the_product_of_its_axes():
    """A missing combination is a hole in a figure; the last axis varies fastest."""
    assert grid(a=[1, 2], b="xy") == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]
    assert grid() == [{}]
    assert grid(a=[1, 2], b=[]) == []
    assert grid(a=iter([1, 2]), b=iter([3, 4])) == grid(a=[1, 2], b=[3, 4])


def test_costs_add_times_and_keep_the_highest_peak():
    """Memory does not add up over units that run one after the other."""
    assert Cost(1, 1, 2.0, 3.0, 50.0) + Cost(2, 0, 1.0, 1.0, 80.0) == Cost(3, 1, 3.0, 4.0, 80.0)


def test_jobs_come_from_the_environment(monkeypatch):
    """The runner shares cores between papers this way."""
    monkeypatch.setenv("REPLICATE_JOBS", "3")
    assert sweep.default_jobs() == 3
    monkeypatch.setenv("REPLICATE_JOBS", "")
    assert sweep.default_jobs() >= 1


def test_the_cache_is_where_the_environment_says(isolated, units):
    """Clusters and CI keep the cache on another disk."""
    Sweeper("toy")(units.noise, work(1))
    assert len(cached(isolated.cache / "toy" / "noise")) == 1


def test_progress_counts_cached_and_computed(units, sweeper, tmp_path, monkeypatch):
    """The runner's bar reads these numbers."""
    from replicate import progress

    monkeypatch.setenv(*next(iter(progress.environment(tmp_path / "p.json").items())))
    sweeper()(units.noise, work(2))
    sweeper()(units.noise, work(5))
    state = progress.read(tmp_path / "p.json")
    assert (state.experiment, state.total, state.done, state.cached) == ("noise", 5, 5, 2)


def test_code_edited_under_a_live_process_is_refused(units, sweeper, monkeypatch):
    """A kernel holds the code it imported; storing its results under the new file's hash would poison the cache."""
    monkeypatch.setattr(fingerprint, "module_file", lambda name: Path(units.__file__))
    os.utime(units.__file__, (time.time() + 60,) * 2)
    with pytest.raises(StaleCode, match=r"changed after this kernel started.*restart the kernel"):
        sweeper()(units.noise, [({"i": 0}, 0)])
    os.utime(units.__file__, (0, 0))
    assert len(sweeper()(units.noise, [({"i": 0}, 0)])[0]) == 2


@pytest.mark.parametrize(("device", "expected"), [("cuda", 1), ("cpu", 0)])
def test_a_gpu_is_asked_for_the_same_sums(units, sweeper, device, expected):
    """Atomic additions come in any order on a GPU; the flag is set there and taken back."""
    import torch

    frame, _ = sweeper(device=device)(units.repeatable, [({"i": 0}, 0)])
    assert frame["value"].tolist() == [expected]
    assert not torch.are_deterministic_algorithms_enabled()


def test_units_share_a_gpu_only_when_told_to(monkeypatch):
    """How much of a GPU's memory a unit takes is not known in advance."""
    monkeypatch.delenv("REPLICATE_GPU_JOBS", raising=False)
    assert sweep.default_gpu_jobs() == 1
    monkeypatch.setenv("REPLICATE_GPU_JOBS", "6")
    assert sweep.default_gpu_jobs() == 6
