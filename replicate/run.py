"""A run of one paper: what a notebook holds on to.

>>> run = Run("intrinsic_dimension", preset="smoke")            # doctest: +SKIP
>>> frame = run.sweep(experiments.toy, [{"dim": 10}], replicates=3)  # doctest: +SKIP
>>> run.measure("C1-exact", from_seeds(frame.value))            # doctest: +SKIP
>>> run.finish()                                                # doctest: +SKIP

Under ``make`` the run writes tables, figures, claims and manifest into a directory that becomes the
result when the notebook has ended. Opened in Jupyter it shows the same things and writes only the cache.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from replicate import atomic, collector, datasets, machine, manifest, paper, workers
from replicate import device as devices
from replicate import sweep as sweeps
from replicate.claims import judge_all, scorecard
from replicate.cluster import Link
from replicate.errors import UserError, nearest
from replicate.figure_files import FigureFiles
from replicate.limits import Limits
from replicate.measurement import Measurement
from replicate.paths import unit_cache_dir
from replicate.seeds import Seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIRECTORY = "REPLICATE_RUN_DIR"


class Run:
    """Settings, sweeps, measurements and outputs of one paper at one preset.

    Args:
        slug: the paper's name.
        preset: ``smoke``, ``default``, ``paper``; ``gpu``, ``overnight`` where there is one; no variable is consulted.
        seed: base seed of every random stream.
        device: ``auto``, ``cpu`` or ``cuda``.
        jobs: worker processes; None = ``$REPLICATE_JOBS`` or all cores.
        overrides: parameters of the preset to replace; None = keep the preset's value.

    Raises:
        UserError: unknown paper, preset, device or parameter (names the nearest).
    """

    def __init__(self, slug, *, preset, seed=0, device="auto", jobs=None, **overrides):
        self.paper = paper.load(slug)
        self.preset, self.seed = preset, seed
        self.parameters = resolve(self.paper, preset, overrides)
        self.settings = SimpleNamespace(**self.parameters)
        self.link = Link.from_environment()
        self.device = self.link.device if self.link else devices.resolve(device)
        self.jobs = jobs or sweeps.default_jobs()
        self.directory = Path(os.environ[DIRECTORY]) if os.environ.get(DIRECTORY) else None
        self._figures = FigureFiles(self.directory / "figures", self.paper.slug) if self.directory else None
        self._measured: dict[str, Measurement] = {}
        self._costs: dict[str, sweeps.Cost] = {}
        self._started = time.time()

    @classmethod
    def from_notebook(cls, slug: str, variables: Mapping[str, object]) -> "Run":
        """Start a run from a notebook's ``globals()``: its parameters cell decides everything.

        The notebook's imports begin here; where nothing of the paper was computed before, workers import beside it.

        Raises:
            UserError: the notebook sets no value for a parameter of the preset.
        """
        preset = str(variables.get("preset"))
        names = paper.load(slug).preset(preset).parameters
        if missing := sorted(set(names) - variables.keys()):
            raise UserError(f"the parameters cell of {slug} lacks {', '.join(missing)}: add 'name = None  # meaning'")
        shared = {"preset": preset, "seed": variables["seed"], "device": variables["device"]}
        run = cls(slug, **shared, **{name: variables[name] for name in names})
        experiments = f"replicate.papers.{slug}.experiments"
        if run.link is None and run.device == "cpu" and not (unit_cache_dir() / slug).exists():
            workers.start(run.jobs, experiments)
        with collector.paused(), suppress(ImportError):  # shown by the cell that needs it
            for module in ("matplotlib.pyplot", experiments):
                import_module(module)
        return run

    def sweep(self, unit: sweeps.Unit, configs: Iterable[sweeps.Config], *, replicates=1, jobs=None) -> pd.DataFrame:
        """Run a unit for every configuration and replicate; return the tidy rows.

        Args:
            unit: function of ``experiments.py``.
            configs: what to vary.
            replicates: a number of replicates, or their indices.
            jobs: worker processes instead of the run's; 1 where units take less than handing them to workers.
        """
        indices = range(replicates) if isinstance(replicates, int) else list(replicates)
        return self.units(unit, [(config, r) for config in configs for r in indices], jobs=jobs)

    def units(self, unit: sweeps.Unit, work: Iterable[tuple[sweeps.Config, int]], *, jobs=None) -> pd.DataFrame:
        """Run a unit for explicit (configuration, replicate) pairs; return the tidy rows. ``jobs`` as in ``sweep``."""
        data = {name: datasets.data_hash(name) for name in self.paper.datasets}
        sweeper = sweeps.Sweeper(
            self.paper.slug,
            self.seed,
            self.device,
            jobs or self.jobs,
            data,
            link=self.link,
            limits=Limits.from_environment(),
            gpu_jobs=sweeps.default_gpu_jobs(),
        )
        frame, cost = sweeper(unit, work)
        self._costs[unit.__name__] = self._costs.get(unit.__name__, sweeps.Cost()) + cost
        return frame

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """Return a NumPy generator for what a notebook draws itself, such as bootstrap resamples."""
        return Seed(self.seed, 0).rng(*purpose)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a frame as ``tables/<name>.csv``: order as given, full precision, no index; empty ones are left out."""
        if self.directory is not None and len(frame):
            text = frame.to_csv(index=False, lineterminator="\n")
            atomic.write_text(self.directory / "tables" / f"{name}.csv", text)

    def tables(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Keep several tables."""
        for name, frame in frames.items():
            self.table(name, frame)

    def figures(self, figures: Mapping[str, "Figure | None"]) -> None:
        """Keep several figures."""
        for name, figure in figures.items():
            self.figure(name, figure)

    def figure(self, name: str, figure: "Figure | None") -> None:
        """Keep a figure as ``figures/<name>.svg`` and ``.png``, without dates or random ids; None is left out."""
        if self._figures is not None and figure is not None:
            self._figures.add(figure, name)

    def measure(self, claim: str, measurement: Measurement | None) -> None:
        """Record what was measured for a claim; None means it could not be measured."""
        self.paper.claim(claim)
        if claim in self._measured:
            raise UserError(f"claim {claim!r} was measured already in this run; measure each claim once")
        if measurement is not None:
            self._measured[claim] = measurement

    def claims(self) -> pd.DataFrame:
        """Judge every claim of the paper; one row each, unmeasured ones ``not run``."""
        return judge_all(self.paper, self._measured, preset=self.preset)

    def claims_to_test(self) -> pd.DataFrame:
        """Return what the paper claims, what it publishes and where, and which values agree."""
        rows = [
            {
                "claim": claim.id,
                "statement": claim.statement,
                "published": claim.published_label,
                "source": claim.source,
                "agrees when": str(claim.region),
            }
            for claim in self.paper.claims
        ]
        return _wide(pd.DataFrame(rows).set_index("claim"))

    def verdicts(self) -> pd.DataFrame:
        """Return the verdicts alone: what survives a change of machine."""
        return _wide(self.claims().set_index("claim")[["statement", "verdict"]])

    def scorecard(self, columns: Iterable[str] = ("claim", "published", "ours", "verdict")) -> pd.DataFrame:
        """Return the claims as a reader sees them: rounded, with intervals."""
        return _wide(scorecard(self.claims())[list(columns)].set_index("claim"))

    def explore(self, widget: Callable[[], object]) -> object:
        """Return the widget in an interactive session; under ``make`` nobody is there to move it."""
        return widget() if self.directory is None else None

    def finish(self) -> None:
        """Write ``claims.csv`` and the manifest; the last call of a notebook."""
        if self.directory is None or self._figures is None:
            return
        self._figures.wait()
        frame = self.claims()
        atomic.write_text(self.directory / "claims.csv", frame.to_csv(index=False, lineterminator="\n"))
        manifest.write(self.directory, self._manifest(frame))

    def _manifest(self, claims: pd.DataFrame) -> dict[str, object]:
        return {
            "status": "measured",
            "slug": self.paper.slug,
            "short": self.paper.short,
            "title": self.paper.citation.title,
            "arxiv": self.paper.citation.arxiv,
            "preset": self.preset,
            "seed": self.seed,
            "parameters": self.parameters,
            "device": self.device,
            "jobs": self.jobs,
            "gpu_jobs": sweeps.default_gpu_jobs(),
            "verdicts": claims["verdict"].value_counts().to_dict(),
            "experiments": {name: asdict(cost) for name, cost in self._costs.items()},
            "kernel_seconds": time.time() - self._started,
            "absent": [name for dataset in self.paper.datasets for name in datasets.absent(dataset)],
            "deviations": [d.model_dump(mode="json") for d in self.paper.deviations],
            "corrections": [c.model_dump(mode="json") for c in self.paper.corrections],
            **machine.describe(),
        }


def _wide(frame: pd.DataFrame) -> pd.DataFrame:
    """Let pandas show whole sentences and all rows in this notebook."""
    pd.set_option("display.max_colwidth", None, "display.max_rows", 200)
    return frame


def resolve(paper: "paper.Paper", preset: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the preset's parameters with the overrides that are not None."""
    values: dict[str, Any] = dict(paper.preset(preset).parameters)
    for name, value in overrides.items():
        if name not in values:
            raise UserError(f"{paper.slug} has no parameter {name!r}: {nearest(name, values)}")
        if value is not None:
            values[name] = value
    return values
