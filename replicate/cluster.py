"""Where units run beyond this machine: ``cluster.yaml``, one small file, read as validated data.

The engines exist: Dask starts schedulers and workers (here, over SSH, under Slurm, in Kubernetes), this module only
says what to start. One worker computes one unit at a time; with ``gpus`` every worker has one GPU to itself.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from json import dumps, loads
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from replicate.claim import Strict, Text
from replicate.errors import UserError, nearest

VARIABLE = "REPLICATE_CLUSTER"
Memory = Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$", description="such as 4GiB")]
Count = Annotated[int, Field(ge=1, le=100_000, strict=True)]


class _Cluster(Strict):
    """What every kind has.

    ``gpus``: a GPU for each worker, units compute on ``cuda``. ``environment``: variables of the workers, such as
    ``REPLICATE_DATA``. ``wait_seconds``: how long the first worker may take to come.
    """

    gpus: bool = False
    environment: dict[str, str] = Field(default_factory=dict)
    wait_seconds: Count = 600


class Local(_Cluster):
    """Worker processes on this machine."""

    kind: Literal["local"]
    workers: Count = Field(default_factory=lambda: os.cpu_count() or 1)
    memory: Memory | Literal["auto"] = "auto"


class SSH(_Cluster):
    """Machines reached over SSH; the scheduler runs on the first."""

    kind: Literal["ssh"]
    hosts: list[Text] = Field(min_length=1)
    workers: Count = Field(1, description="on each host")
    memory: Memory | Literal["auto"] = "auto"
    python: Text = Field("python", description="the interpreter on the hosts, with this package installed")
    username: Text | None = None


class Slurm(_Cluster):
    """Jobs of a Slurm queue, one worker each."""

    kind: Literal["slurm"]
    workers: Count
    memory: Memory
    cores: Count = 1
    walltime: str = Field("01:00:00", pattern=r"^(\d+-)?\d{1,2}:\d{2}:\d{2}$")
    queue: Text | None = None
    account: Text | None = None
    directives: list[Text] = Field(default_factory=list, description="further #SBATCH lines, such as --constraint=a100")
    prologue: list[Text] = Field(
        default_factory=list, description="commands before the worker, such as module load cuda"
    )
    python: Text | None = Field(None, description="the interpreter on the nodes; default: this one")


class Kubernetes(_Cluster):
    """Pods of a Kubernetes cluster with Dask's operator, one worker each."""

    kind: Literal["kubernetes"]
    workers: Count
    memory: Memory
    image: Text = Field(description="with this package and its data installed")
    namespace: Text = "default"
    name: Text = "replicate"


class Address(_Cluster):
    """A Dask scheduler that runs already."""

    kind: Literal["address"]
    address: str = Field(pattern=r"^(tcp|tls|ws|wss)://\S+:\d+$", description="such as tcp://10.0.0.1:8786")


Cluster = Local | SSH | Slurm | Kubernetes | Address
KINDS: dict[str, type[Cluster]]
KINDS = {"local": Local, "ssh": SSH, "slurm": Slurm, "kubernetes": Kubernetes, "address": Address}


@dataclass(frozen=True)
class Link:
    """How a notebook's kernel finds the workers: a scheduler's address, and the device they compute on."""

    address: str
    device: str = "cpu"

    def environment(self) -> dict[str, str]:
        """Return the variable that hands this link to a child process."""
        return {VARIABLE: dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> "Link | None":
        """Return the link that this process was handed, if any."""
        text = os.environ.get(VARIABLE)
        return cls(**loads(text)) if text else None


@dataclass(frozen=True)
class Recipe:
    """Which class starts a cluster, with what, and the package to install when it is missing."""

    package: str
    module: str
    name: str
    arguments: dict[str, Any]
    scale: int | None = None
    needs: tuple[str, ...] = field(default=())


def read(path: Path) -> Cluster:
    """Read and validate a ``cluster.yaml``.

    Raises:
        UserError: no such file, not YAML, or a field that is not allowed; names file and field.
    """
    import yaml  # lazy: only with a cluster

    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: a mapping is needed, such as 'kind: local'; found {type(raw).__name__}")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UserError(f"{path}: field 'kind': {kind!r} is no kind of cluster: {nearest(str(kind), KINDS)}")
    try:
        return TypeAdapter(KINDS[kind]).validate_python(raw)
    except ValidationError as error:
        lines = [f"{path}: field {'.'.join(map(str, e['loc']))!r}: {e['msg']}" for e in error.errors()]
        raise UserError("\n".join(lines)) from None


def recipe(cluster: Local | SSH | Slurm | Kubernetes) -> Recipe:
    """Return what starts this cluster."""
    env = {"OMP_NUM_THREADS": "1", **cluster.environment}
    arguments: dict[str, Any]
    match cluster:
        case Local():
            shared = {"n_workers": cluster.workers, "threads_per_worker": 1, "memory_limit": cluster.memory, "env": env}
            if cluster.gpus:
                return Recipe("dask-cuda", "dask_cuda", "LocalCUDACluster", {**shared, "host": "127.0.0.1"})
            return Recipe("distributed", "distributed", "LocalCluster", {**shared, "host": "127.0.0.1"})
        case SSH():
            worker = {"n_workers": cluster.workers, "nthreads": 1, "memory_limit": cluster.memory}
            arguments = {
                "hosts": [cluster.hosts[0], *cluster.hosts],
                "connect_options": {"username": cluster.username} if cluster.username else {},
                "worker_options": worker,
                "remote_python": " ".join(["env", *(f"{k}={_quoted(v)}" for k, v in env.items()), cluster.python]),
                **({"worker_class": "dask_cuda.CUDAWorker"} if cluster.gpus else {}),
            }
            return Recipe("distributed asyncssh", "distributed", "SSHCluster", arguments, needs=("asyncssh",))
        case Slurm():
            exports = [f"export {name}={_quoted(value)}" for name, value in env.items()]
            arguments = {
                "cores": 1,
                "processes": 1,
                "memory": cluster.memory,
                "walltime": cluster.walltime,
                "job_script_prologue": [*cluster.prologue, *exports],
                "job_extra_directives": [*(["--gres=gpu:1"] if cluster.gpus else []), *cluster.directives],
                "job_cpu": cluster.cores,
                **{k: v for k in ("queue", "account", "python") if (v := getattr(cluster, k)) is not None},
            }
            return Recipe("dask-jobqueue", "dask_jobqueue", "SLURMCluster", arguments, scale=cluster.workers)
        case Kubernetes():
            limits = {"memory": cluster.memory.replace("iB", "i").replace("B", ""), "cpu": "1"}
            arguments = {
                "name": cluster.name,
                "namespace": cluster.namespace,
                "image": cluster.image,
                "n_workers": cluster.workers,
                "resources": {"limits": {**limits, **({"nvidia.com/gpu": "1"} if cluster.gpus else {})}},
                "env": env,
            }
            return Recipe("dask-kubernetes", "dask_kubernetes.operator", "KubeCluster", arguments)


@contextmanager
def start(cluster: Cluster) -> Iterator[tuple[Link, str]]:
    """Start a cluster, wait for its first worker, yield the link and the dashboard's address; stop it at the end.

    Raises:
        UserError: a package is not installed, nothing answers at the address, or no worker comes in time.
    """
    device = "cuda" if cluster.gpus else "cpu"
    if isinstance(cluster, Address):
        yield Link(cluster.address, device), _wait(cluster.address, cluster.wait_seconds)
        return
    found = recipe(cluster)
    for module in (found.module, *found.needs):
        _require(module, cluster.kind, found.package)
    with getattr(import_module(found.module), found.name)(**found.arguments) as running:
        if found.scale is not None:
            running.scale(found.scale)
        _wait(running.scheduler_address, cluster.wait_seconds)
        yield Link(running.scheduler_address, device), running.dashboard_link


def _require(module: str, kind: str, package: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        raise UserError(f"a cluster of kind {kind!r} needs {package} ({error}): pip install {package}") from None


def _wait(address: str, seconds: int) -> str:
    _require("distributed", "address", "distributed")
    from distributed import Client

    try:
        with Client(address, timeout=min(seconds, 30), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=seconds)
            return client.dashboard_link
    except TimeoutError:
        raise UserError(
            f"no worker came to {address} within {seconds} s; look at the queue, or raise wait_seconds"
        ) from None
    except OSError as error:
        raise UserError(f"no scheduler answers at {address}: {error}") from None


def _quoted(value: str) -> str:
    from shlex import quote

    return quote(value)
