"""cluster.yaml: what is allowed, what an error says, and what each kind would start."""

import contextlib
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replicate import cluster
from replicate.cluster import Link
from replicate.errors import UserError

EXAMPLES = {
    "local": "kind: local\nworkers: 2\nmemory: 4GiB",
    "ssh": "kind: ssh\nhosts: [a, b]\nusername: me\npython: /opt/env/bin/python",
    "slurm": "kind: slurm\nworkers: 32\nmemory: 16 GiB\nwalltime: '04:00:00'\nqueue: gpu\ngpus: true\ncores: 4\n"
    "prologue: [module load cuda]\nenvironment:\n  REPLICATE_DATA: /data with space",
    "kubernetes": "kind: kubernetes\nworkers: 8\nmemory: 4GiB\nimage: registry/replicate:1\ngpus: true",
    "address": "kind: address\naddress: tcp://10.0.0.1:8786",
}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a cluster.yaml and reads it."""

    def read(text):
        path = tmp_path / "cluster.yaml"
        path.write_text(text, encoding="utf-8")
        return cluster.read(path)

    return read


def arguments(read):
    return cluster.recipe(read).arguments


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_can_be_written(write, kind):
    """A kind nobody can write is no kind."""
    found = write(EXAMPLES[kind])
    assert isinstance(found, cluster.KINDS[kind])
    assert (cluster.recipe(found) is None) == (kind == "address")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: lokal", r"field 'kind': 'lokal' is no kind of cluster: did you mean 'local'"),
        ("workers: 2", r"field 'kind': None is no kind"),
        ("kind: local\nworker: 2", r"field 'worker': Extra inputs"),
        ("kind: local\nworkers: 0", r"field 'workers': .*greater than or equal to 1"),
        ("kind: local\nworkers: two", r"field 'workers': .*integer"),
        ("kind: local\nmemory: a lot", r"field 'memory"),
        ("kind: ssh\nhosts: []", r"field 'hosts'"),
        ("kind: slurm\nworkers: 1\nmemory: 1GB\nwalltime: soon", r"field 'walltime'"),
        ("kind: address\naddress: somewhere", r"field 'address'"),
        ("- kind: local", r"a mapping is needed.*found list"),
        ("kind: [", r"not valid YAML"),
        ("kind: !!python/object/apply:os.system [true]", r"not valid YAML"),
    ],
)
def test_mistakes_name_file_and_field(write, text, message):
    """A cluster costs minutes to start: the mistake must be known before, and where it is."""
    with pytest.raises(UserError, match=rf"(?s)cluster\.yaml.*{message}"):
        write(text)


def test_a_missing_file_is_a_mistake_of_the_user(tmp_path):
    """No traceback for a misspelt path."""
    with pytest.raises(UserError, match=r"none\.yaml cannot be read"):
        cluster.read(tmp_path / "none.yaml")


FIELDS = ["kind", "workers", "memory", "hosts", "address", "gpus", "environment", "image", "walltime"]
VALUES = [
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text()),
    st.sampled_from([*EXAMPLES]),
]


@given(st.dictionaries(st.sampled_from(FIELDS), st.one_of(VALUES)))
def test_whatever_is_written_is_read_or_refused(tmp_path_factory, content):
    """Only one kind of error may leave, whatever YAML holds."""
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(UserError):
        assert cluster.read(path).kind in EXAMPLES


def test_workers_here_and_over_ssh_take_one_unit_at_a_time(write):
    """Two units in one worker would share threads, memory and random state."""
    local, ssh = (arguments(write(EXAMPLES[kind])) for kind in ("local", "ssh"))
    assert (local["n_workers"], local["threads_per_worker"], local["env"]["OMP_NUM_THREADS"]) == (2, 1, "1")
    assert ssh["hosts"] == ["a", "a", "b"]  # the first runs the scheduler as well
    assert ssh["worker_options"]["nthreads"] == 1
    assert ssh["connect_options"] == {"username": "me"}


def test_a_gpu_for_every_worker(write):
    """Two workers on one GPU would run out of its memory."""
    assert cluster.recipe(write("kind: local\ngpus: true")).name == "LocalCUDACluster"
    assert arguments(write("kind: ssh\nhosts: [a]\ngpus: true"))["worker_class"] == "dask_cuda.CUDAWorker"
    pod = arguments(write(EXAMPLES["kubernetes"]))["resources"]["limits"]
    assert pod == {"memory": "4Gi", "cpu": "1", "nvidia.com/gpu": "1"}


def test_the_job_script_that_slurm_would_get(write):
    """The dialect of another package's keywords: read the script that it makes of them."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    found = cluster.recipe(write(EXAMPLES["slurm"]))
    assert found.scale == 32
    with jobqueue.SLURMCluster(**found.arguments, scheduler_options={"dashboard_address": ":0"}) as running:
        script = running.job_script()
    for line in (
        "-p gpu",
        "--mem=16G",
        "-t 04:00:00",
        "--gres=gpu:1",
        "module load cuda",
        "--cpus-per-task=4",
        "--nthreads 1",
    ):
        assert line in script, script
    assert "export REPLICATE_DATA='/data with space'" in script


def test_a_missing_package_says_how_to_get_it(write, monkeypatch):
    """Most people have no Kubernetes; the package is not installed with the suite."""
    monkeypatch.setitem(__import__("sys").modules, "dask_kubernetes.operator", None)
    with (
        pytest.raises(UserError, match=r"'kubernetes' needs dask-kubernetes .*pip install dask-kubernetes"),
        cluster.start(write(EXAMPLES["kubernetes"])),
    ):
        pass


def test_a_link_travels_through_the_environment(monkeypatch):
    """Kernels are other processes: the address reaches them as a variable, or not at all."""
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    assert Link.from_environment() is None
    link = Link("tcp://h:1", "cuda")
    monkeypatch.setattr(os, "environ", {**os.environ, **link.environment()})
    assert Link.from_environment() == link
