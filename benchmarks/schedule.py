"""What a run of every preset `paper` on many workers would take: units counted, seconds scaled, a schedule simulated.

    python benchmarks/schedule.py --workers 1000

Units are counted by asking every study for its work. A unit's seconds come from the committed snapshot of the preset
`default` (processor seconds of one core, measured) times the ratio of work between the two configurations; networks
that a GPU trains are extrapolated instead from their floating-point operations. ``WORK``, ``FLOPS`` and ``RATE`` below
are all the assumptions there are. Nothing is computed, so the script takes seconds. ``$REPLICATE_DATA`` with CIFAR-10
is needed for the studies that ask for its name; without it they are left out and named.
"""

import argparse
import heapq
import importlib
import inspect
import json
import math
from dataclasses import dataclass, field

import pandas as pd

from replicate import datasets, paper
from replicate.paths import reference_dir, unit_cache_dir
from replicate.run import Run

OVERHEAD = 0.009  # seconds the scheduler takes for a unit, one after the other (measured: docs/scaling-out.md)
RATE = {"language model": 150e12}  # sustained operations a second of one GPU: assumed
WIDE = 20  # a network k times as wide as 16 channels keeps the GPU k times as busy, up to this many times: assumed
SEARCHES = {  # adaptive: (runs of one search, searches), one search after the other, two runs a round
    "fc_search": lambda s: (s.fc_budget, 1),
    "lenet_search": lambda s: (s.lenet_budget, 1),
    "shuffled_fc_search": lambda s: (s.shuffled_fc_budget, 1),
    "shuffled_lenet_search": lambda s: (s.shuffled_lenet_budget, 1),
    "controls": lambda s: (s.control_budget, len(s.control_networks)),
    "fc_grid": lambda s: (s.grid_budget, len(s.grid_widths) * len(s.grid_depths)),
    "random_labels_search": lambda s: (s.memory_budget, len(s.memory_counts)),
    "cifar_search": lambda s: (s.cifar_budget, 2),
}
LIKE = {  # what is measured in place of an experiment that the preset default leaves out
    **dict.fromkeys(("controls", "cifar_search"), "lenet_search"),
    **dict.fromkeys(("fc_grid", "burn_in", "small_nets", "crossed", "regularisation", "well"), "fc_search"),
    **dict.fromkeys(("baselines", "incremental", "remedies", "control", "series_choice"), "widths"),
}


def _least_squares(config: dict) -> float:
    widths = config.get("widths") or [config.get("width", 100)]
    points = 196_608 if config.get("full") else config.get("n", 3072)
    return points * sum(width**2 for width in widths)


WORK = {  # what a unit's seconds are proportional to; an experiment that is not here has units of one size
    **dict.fromkeys(("widths", "image", "series", "critical", "fits", "certificates"), _least_squares),
    "precision": lambda c: max(c["digits"]) * c["width"] ** 3,
    **dict.fromkeys(
        ("fc_search", "lenet_search", "shuffled_fc_search", "shuffled_lenet_search", "baseline", "projections"),
        lambda c: c["epochs"] / c["batch"],
    ),
    "random_labels_search": lambda c: c["epochs"],
    **dict.fromkeys(
        ("forecasts", "detectors", "attribution", "agreement"), lambda c: c["days"] * c["rounds"] / c["step_minutes"]
    ),
    "trial": lambda c: (c["draws"] + 1) * c["m"],  # networks stop early, so their largest number of steps says nothing
    **dict.fromkeys(("s1", "s2", "s3"), lambda c: c["n"]),
}


def _cifar(c: dict) -> float:
    """Multiply-adds of a residual network (3 equal stages), forwards and backwards, over all images and epochs."""
    blocks = (c["depth"] - 2) / 6 if c.get("family", "resnet") == "resnet" else 3 * c["depth"] / 2
    images = (c["train_size"] or 50_000) / c["shrink"] ** 2
    return 6 * 2 * blocks * 3 * 9 * 256 * 1024 * c["width"] ** 2 * images * c["epochs"]


def _transfer(c: dict) -> float:
    return _cifar(c) * (2 if c["features"] == "learned" else 1)


def _language(c: dict) -> float:
    return 6 * 12 * c["depth"] * c["width"] ** 2 * c["context"] * c["batch"] * (c["steps"] + c.get("fine_steps", 0))


def _towers(c: dict) -> float:
    return 6 * 2 * (4.1e9 * (c["side"] / 224) ** 2 + 6e7) * 3000 * c["epochs"]


def _resnet50(c: dict) -> float:
    return 6 * 2 * 4.1e9 * (32 / 224) ** 2 * 50_000 * c["epochs"]


FLOPS = {
    ("batchnorm_only", "training"): (_cifar, "image network"),
    ("batchnorm_only", "learning_curve"): (_cifar, "image network"),
    ("batchnorm_only", "subspace"): (_cifar, "image network"),
    ("batchnorm_only", "transfer"): (_transfer, "image network"),
    ("self_distillation", "images"): (_resnet50, "image network"),
    ("tempnet", "tower_tuning"): (_towers, "image network"),
    ("tempnet", "contrastive"): (_towers, "image network"),
    **{("tempnet", name): (_language, "language model") for name in ("scratch", "fine_tuning", "frozen", "verses")},
    ("tempnet", "passage"): (_language, "language model"),
}


class Asked(Run):
    """A run that writes down what it is asked to compute, and answers with nothing."""

    def __init__(self, slug: str, preset: str):
        super().__init__(slug, preset=preset, device="cpu")
        self.work: dict[str, dict[str, dict]] = {}

    def units(self, unit, work) -> pd.DataFrame:
        """Note the units and return an empty frame."""
        seen = self.work.setdefault(unit.__name__, {})
        seen |= {json.dumps([dict(c), r], sort_keys=True): dict(c) for c, r in work}
        return pd.DataFrame()


@dataclass
class Sweep:
    """One experiment: seconds of each unit in the order they are handed out, and how many may run side by side."""

    paper: str
    name: str
    seconds: list[float]
    basis: str
    abreast: float = field(default=math.inf)


def asked(slug: str, preset: str) -> tuple[dict[str, list[dict]], list[str]]:
    """Return the configurations of every experiment of a paper, and the studies that could not be asked."""
    run, left_out = Asked(slug, preset), []
    module = importlib.import_module(f"replicate.papers.{slug}.studies")
    for name, study in inspect.getmembers(module, inspect.isfunction):
        needs = [p.name for p in inspect.signature(study).parameters.values() if p.default is p.empty]
        if study.__module__ != module.__name__ or name.startswith("_") or needs not in (["run"], ["run", "tuned"]):
            continue
        try:
            study(run, *({} for _ in needs[1:]))
        except datasets.Unavailable:
            left_out.append(f"{slug}: {name}")
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            continue  # it looks at the first answers, as searches do: what it asked for until then is noted
    return {name: list(found.values()) for name, found in run.work.items()}, left_out


def image_rate() -> float:
    """Return the operations a second of one training of a residual network, measured: sixteen shared one H100."""
    configs, _ = asked("batchnorm_only", "gpu")
    spent = _manifest("batchnorm_only", "gpu")["training"]
    return sum(map(_cifar, configs["training"])) / len(configs["training"]) * spent["units"] / spent["wall_seconds"]


def _manifest(slug: str, preset: str) -> dict[str, dict]:
    return json.loads((reference_dir(preset) / slug / "manifest.json").read_text())["experiments"]


def sweeps(slug: str) -> tuple[list[Sweep], list[str]]:
    """Return a paper's experiments at the preset `paper`, with the seconds of every unit."""
    wanted, left_out = asked(slug, "paper")
    small, _ = asked(slug, "default")
    manifest = _manifest(slug, "default")
    settings = Run(slug, preset="paper", device="cpu").settings
    found = []
    for name, configs in wanted.items():
        seconds, basis = _seconds(slug, name, configs, small, manifest)
        if name in SEARCHES:
            runs, searches = SEARCHES[name](settings)
            found.append(Sweep(slug, name, [sum(seconds) / len(seconds)] * (runs * searches), basis, abreast=2))
        else:
            found.append(Sweep(slug, name, seconds, basis))
    return found, left_out


def _seconds(slug, name, configs, small, manifest) -> tuple[list[float], str]:
    if (slug, name) in FLOPS:
        operations, kind = FLOPS[slug, name]
        busier = [min(WIDE, c["width"]) if slug == "batchnorm_only" else 1 for c in configs]
        return [operations(c) / (RATE[kind] * k) for c, k in zip(configs, busier, strict=True)], "operations"
    source = name if manifest.get(name, {}).get("units") else LIKE.get(name)
    if not (source and manifest.get(source, {}).get("units")):
        return [1.0] * len(configs), "not measured: 1 s"
    each = manifest[source]["cpu_seconds"] / manifest[source]["units"]
    work = WORK.get(source)
    try:
        scale = sum(map(work, small[source])) / len(small[source]) if work else 1.0
        return [each * (work(c) / scale if work else 1.0) for c in configs], "measured, scaled" if work else "measured"
    except KeyError:  # another kind of configuration: the measured unit stands for it as it is
        return [each] * len(configs), "measured elsewhere"


def makespan(seconds: list[float], workers: int) -> float:
    """Return when the last unit ends if each goes to the first free worker, in order, no faster than the scheduler."""
    free = [0.0] * min(workers, max(1, len(seconds)))
    end = 0.0
    for number, duration in enumerate(seconds, 1):
        done = max(heapq.heappop(free), number * OVERHEAD) + duration
        heapq.heappush(free, done)
        end = max(end, done)
    return end


def moved(slug: str, units: int) -> list[str]:
    """Return the megabytes of data a node fetches once, and of results that come back, from those cached here."""
    names = [name for dataset in paper.load(slug).datasets for name in datasets.names(dataset)]
    data = sum(datasets.entry(name).bytes or 0 for name in names)
    sizes = [path.stat().st_size for path in (unit_cache_dir() / slug).rglob("*.json")]
    back = f"{units * sum(sizes) / len(sizes) / 1e6:,.1f}" if sizes else "no result here"
    return [f"{data / 1e6:,.1f}", back]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f}" if seconds >= 360 else f"{seconds / 3600:.3f}"


def _table(head: list[str], rows: list[list[object]]) -> str:
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [head, ["---"] * len(head), *rows])


def main() -> None:
    """Print the plan as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1000)
    workers = parser.parse_args().workers
    everything, rows, left_out = [], [], []
    RATE["image network"] = image_rate()
    for slug in paper.slugs():
        found, missing = sweeps(slug)
        left_out += missing
        everything += found
        spans = [makespan(s.seconds, min(workers, s.abreast)) for s in found]
        longest = max(max(s.seconds) for s in found)
        units, total = sum(len(s.seconds) for s in found), sum(sum(s.seconds) for s in found)
        rows.append([slug, f"{units:,}", _hours(total), _hours(longest), _hours(sum(spans)), *moved(slug, units)])
    total = sum(sum(s.seconds) for s in everything)
    span = sum(makespan(s.seconds, min(workers, s.abreast)) for s in everything)
    units = sum(len(s.seconds) for s in everything)
    rows.append(["**all**", f"{units:,}", _hours(total), "", _hours(span), "", ""])
    head = ["paper", "units", "worker hours", "longest unit, h", f"hours on {workers:,} workers"]
    head += ["data a node, MB", "results, MB"]
    print(_table(head, rows))
    papers = {s.paper: 0.0 for s in everything}
    for s in everything:
        papers[s.paper] += makespan(s.seconds, min(workers, s.abreast))
    print(f"\nA residual network trains at {RATE['image network'] / 1e12:.1f} x 10^12 operations a second (measured).")
    busy, alone = 100 * total / (span * workers), _hours(max(papers.values()))
    print(f"\nWorkers are busy {busy:.1f} % of the time. With every paper started at once it is over in {alone} h.\n")
    slowest = sorted(everything, key=lambda s: -makespan(s.seconds, min(workers, s.abreast)))[:12]
    rows = [
        [s.paper, s.name, f"{len(s.seconds):,}", _hours(sum(s.seconds) / len(s.seconds)), _hours(max(s.seconds)),
         _hours(makespan(s.seconds, min(workers, s.abreast))), s.basis]
        for s in slowest
    ]  # fmt: skip
    print(_table(["paper", "experiment", "units", "mean, h", "longest, h", "sweep, h", "seconds are"], rows))
    by_basis = {b: sum(sum(s.seconds) for s in everything if s.basis == b) for b in {s.basis for s in everything}}
    shares = ", ".join(f"{100 * v / total:.2g} % {b}" for b, v in sorted(by_basis.items(), key=lambda p: -p[1]))
    print(
        f"\nOf the worker hours: {shares}."
        + (f" Left out for want of data: {', '.join(left_out)}." if left_out else "")
    )


if __name__ == "__main__":
    main()
