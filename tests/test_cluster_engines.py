"""Units over SSH and under Slurm, with the engines that are real but for the machines: an SSH server
that runs commands here, and ``sbatch`` and ``scancel`` as scripts that start and stop the job here."""

import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest

from replicate.cluster import SSH, Slurm, start
from replicate.sweep import Sweeper

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shell scripts")
UNIT = """
import os


def where(config, seed):
    here = {"mark": os.environ.get("MARK", ""), "ours": os.getppid() == config["pid"]}
    return [{"metric": "draw", "value": seed.rng("draw", config["i"]).random(), **here}]
"""


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """Import a unit from a file that workers can import as well."""
    folder = tmp_path_factory.mktemp("units")
    (folder / "engine_units.py").write_text(UNIT)
    sys.path.insert(0, str(folder))
    import engine_units

    yield engine_units.where
    sys.path.remove(str(folder))
    del sys.modules["engine_units"]


@pytest.fixture
def environment(unit):
    """Variables that workers need here, and one to know them by; a space and a quote must survive the shell."""
    return {"PYTHONPATH": os.pathsep.join([os.path.dirname(unit.__code__.co_filename), *sys.path]), "MARK": "it's here"}


def check(unit, link, tmp_path):
    """Run units over a link: the numbers of a run without a cluster, from workers with the right environment."""
    work = [({"i": i, "pid": os.getpid()}, 0) for i in range(4)]
    far, cost = Sweeper("toy", cache=tmp_path / "far", link=link)(unit, work)
    near, _ = Sweeper("toy", cache=tmp_path / "near")(unit, work)
    assert cost.computed == 4
    assert far["value"].tolist() == near["value"].tolist()
    assert set(far["mark"]) == {"it's here"}
    assert not far["ours"].any()


SERVER = """
import asyncio, sys
from asyncio.subprocess import PIPE
import asyncssh


async def run(process):
    child = await asyncio.create_subprocess_shell(process.command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    code = await child.wait()
    await asyncio.gather(process.stdout.drain(), process.stderr.drain())
    process.exit(code)


async def serve(folder):
    options = {"server_host_keys": [folder + "/host"], "authorized_client_keys": folder + "/id_ed25519.pub"}
    server = await asyncssh.listen("127.0.0.1", 0, process_factory=run, encoding=None, **options)
    print(server.get_port(), flush=True)
    await server.wait_closed()


asyncio.run(serve(sys.argv[1]))
"""


@pytest.fixture
def ssh_host(tmp_path, monkeypatch):
    """Serve SSH on a free port of this machine, as host ``node`` in the user's SSH configuration."""
    asyncssh = pytest.importorskip("asyncssh")
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir(parents=True, mode=0o700)
    key, host_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    key.write_private_key(str(folder / "id_ed25519"))
    key.write_public_key(str(folder / "id_ed25519.pub"))
    host_key.write_private_key(str(folder / "host"))
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        port = int(server.stdout.readline())
        (folder / "config").write_text(f"Host node\n  HostName 127.0.0.1\n  Port {port}\n")
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        yield "node"
        os.killpg(server.pid, signal.SIGTERM)  # and what was started over it


def test_units_over_ssh(unit, environment, ssh_host, tmp_path):
    """Two hosts named, scheduler on the first, as `cluster.yaml` says."""
    pytest.importorskip("distributed")
    hosts = {"hosts": [ssh_host, ssh_host], "python": sys.executable, "environment": environment}
    with start(SSH(kind="ssh", wait_seconds=60, **hosts)) as (link, dashboard):
        assert dashboard.startswith("http://")
        check(unit, link, tmp_path)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Put an ``sbatch`` that starts the job at once, and a ``scancel`` that kills it, first on the PATH."""
    scripts = {
        "sbatch": f"""
            cp "$1" {tmp_path}/job.sh
            setsid bash {tmp_path}/job.sh > {tmp_path}/job.$$.log 2>&1 &
            echo $! >> {tmp_path}/jobs
            echo "Submitted batch job $!"
        """,
        "scancel": f'echo "$1" >> {tmp_path}/cancelled\nkill -- "-$1"\n',
    }
    for name, text in scripts.items():
        path = tmp_path / name
        path.write_text("#!/bin/bash\n" + textwrap.dedent(text))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    yield tmp_path
    for job in (tmp_path / "jobs").read_text().split():
        subprocess.run(["kill", "--", f"-{job}"], capture_output=True, check=False)


def test_units_under_slurm(unit, environment, queue):
    """The job script is run as Slurm's nodes would run it; at the end every job is cancelled."""
    pytest.importorskip("dask_jobqueue")
    slurm = Slurm(kind="slurm", workers=2, memory="2GiB", wait_seconds=60, environment=environment)
    with start(slurm) as (link, _):
        check(unit, link, queue)
    jobs = (queue / "jobs").read_text().split()
    assert len(jobs) == 2
    assert sorted((queue / "cancelled").read_text().split()) == sorted(jobs)
    assert "#SBATCH --mem=2G" in (queue / "job.sh").read_text()
