"""A paper as data: citation, claims, presets, deviations and corrections, read from its ``paper.toml``.

Papers are discovered by scanning ``replicate/papers/*/paper.toml``; nothing lists them by hand.
"""

import math
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from replicate.errors import PaperError, UserError, nearest
from replicate.paths import notebooks_dir, papers_dir
from replicate.verdicts import Region

PRESETS = ("smoke", "default", "paper")
Text = Annotated[str, Field(min_length=1)]
_UNION_TAG = re.compile(r"int|float|\[key\]|literal\[.*|function-before\[.*")  # pydantic's, not the file's


def _number(value: object) -> int | float:
    """Refuse what TOML does not write as a number (``"93.1"``, ``true``) and what no float64 holds."""
    if type(value) not in (int, float):
        raise ValueError(f"must be a number, found {type(value).__name__} {value!r}")
    if abs(value) > 1e300 or math.isnan(value):
        raise ValueError("must be a finite number that float64 can hold")
    return value


Number = Annotated[int | float, BeforeValidator(_number)]
Whole = Annotated[int, Field(strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Citation(_Strict):
    """Where the paper is."""

    title: Text
    authors: Text
    venue: Text
    year: Whole
    arxiv: str = ""
    url: str = ""
    code: str = Field("", description="the authors' own code, with its commit")


class Rule(_Strict):
    """When a measured value agrees with the claim; every rule is an acceptance region.

    ``within``: published value +- tolerance. ``between``: low...high. ``at_least``/``at_most``: bound
    included. ``above``/``below``: bound excluded (orderings are ``above`` 0 on a difference).
    """

    kind: Literal["within", "between", "at_least", "at_most", "above", "below"]
    tolerance: Number | None = None
    low: Number | None = None
    high: Number | None = None
    bound: Number | None = None
    why: Text = Field(description="the reason for the tolerance or bound")

    @model_validator(mode="after")
    def _has_its_numbers(self):
        needed = {"within": {"tolerance"}, "between": {"low", "high"}}.get(self.kind, {"bound"})
        given = {k for k in ("tolerance", "low", "high", "bound") if getattr(self, k) is not None}
        if given != needed:
            raise ValueError(f"rule {self.kind!r} takes {_names(needed)}; found {_names(given) or 'none'}")
        return self

    def region(self, published: float | None) -> Region:
        """Return the set of values that agree with the claim."""
        match self.kind:
            case "within":
                return Region.within(published, self.tolerance)
            case "between":
                return Region.between(self.low, self.high)
        return getattr(Region, self.kind)(self.bound)


class Needs(_Strict):
    """What must hold for a comparison with the paper to mean anything."""

    dataset: str = Field("", description="name of the data set; empty: none")
    presets: tuple[Literal["smoke", "default", "paper"], ...] = PRESETS

    def unmet(self, *, dataset: str, preset: str) -> str:
        """Return why a measurement is not comparable, or an empty string."""
        if preset not in self.presets:
            return f"needs preset {' or '.join(self.presets)}, this is {preset}"
        if self.dataset and dataset != self.dataset:
            return f"needs {self.dataset}, measured on {dataset or 'no data set'}"
        return ""


class Claim(_Strict):
    """One sentence of the paper that our measurements can support or contradict."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
    statement: Text
    metric: Text
    unit: str = ""
    published: Number | None = Field(None, description="verbatim, never rounded")
    published_text: str = Field("", description="how the paper puts it, or why there is no single number")
    published_sd: Number | Literal["unknown"] = "unknown"
    published_n: Whole | Literal["unknown"] = "unknown"
    source: Text = Field(description="table, figure or section, and version")
    experiment: Text = Field(description="the function in experiments.py that measures it, or 'none: why'")
    figure: str = ""
    rule: Rule
    needs: Needs = Needs()

    @model_validator(mode="after")
    def _published_or_reason(self):
        if self.published is None and not self.published_text:
            raise ValueError("needs 'published', or 'published_text' saying why there is no number")
        if self.rule.kind == "within" and self.published is None:
            raise ValueError("rule 'within' needs a 'published' number to be within the tolerance of")
        self.rule.region(self.published)  # refuses impossible regions
        return self

    @property
    def region(self) -> Region:
        """The set of values that agree with this claim."""
        return self.rule.region(self.published)

    @property
    def published_label(self) -> str:
        """The published value as a reader sees it, with its unit."""
        text = self.published_text or f"{self.published:,}"
        return f"{text} {self.unit}".strip() if self.published is not None and not self.published_text else text


class Deviation(_Strict):
    """What the paper leaves open, or what we do otherwise."""

    what: Text
    why: Text
    evidence: Text
    claims: tuple[str, ...] = ()


class Correction(_Strict):
    """A dated change of our own results and its cause."""

    date: date
    what: Text
    cause: Text
    claims: tuple[str, ...] = ()


class Tolerance(_Strict):
    """How far a machine's numbers may be from the committed snapshot (``replicate compare``)."""

    table: Text = Field(description="a table's name, or '*'")
    metric: str = "*"
    absolute: Number = Field(0, ge=0)
    relative: Number = Field(0, ge=0)
    rows: Literal["same", "may differ"] = "same"
    why: Text


class Preset(_Strict):
    """The scale of a run: values of notebook parameters."""

    description: Text
    budget_seconds: Number = Field(gt=0, description="what the run should take at most")
    parameters: dict[str, Any]


class Paper(_Strict):
    """Everything ``paper.toml`` says."""

    slug: str
    short: Text
    summary: Text = Field(description="the paper in five lines")
    datasets: tuple[str, ...] = Field((), description="registry data sets whose hashes the results depend on")
    citation: Citation
    claims: tuple[Claim, ...]
    presets: dict[Literal["smoke", "default", "paper"], Preset]
    deviations: tuple[Deviation, ...] = ()
    corrections: tuple[Correction, ...] = ()
    compare: tuple[Tolerance, ...] = ()

    @model_validator(mode="after")
    def _consistent(self):
        ids = [claim.id for claim in self.claims]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"claim ids must be unique; used twice: {_names(twice)}")
        for record in (*self.deviations, *self.corrections):
            if unknown := set(record.claims) - set(ids):
                raise ValueError(f"{record.what[:40]!r} names unknown claims {_names(unknown)}")
        if missing := set(PRESETS) - set(self.presets):
            raise ValueError(f"presets missing: {_names(missing)}")
        keys = {name: set(preset.parameters) for name, preset in self.presets.items()}
        if len({frozenset(k) for k in keys.values()}) > 1:
            odd = set.union(*keys.values()) - set.intersection(*keys.values())
            raise ValueError(f"every preset must set the same parameters; not in all: {_names(odd)}")
        return self

    @property
    def notebook(self):
        """The path of the paper's notebook."""
        return notebooks_dir() / f"{self.slug}.ipynb"

    @property
    def module(self) -> str:
        """The import path of the paper's folder."""
        return f"replicate.papers.{self.slug}"

    def claim(self, claim_id: str) -> Claim:
        """Return one claim; an unknown id names the nearest."""
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise UserError(f"{self.slug} has no claim {claim_id!r}: {nearest(claim_id, [c.id for c in self.claims])}")

    def preset(self, name: str) -> Preset:
        """Return one preset; an unknown name names the nearest."""
        if name not in self.presets:
            raise UserError(f"unknown preset {name!r}: {nearest(name, self.presets)}")
        return self.presets[name]


def slugs() -> list[str]:
    """Return the slugs of all papers found, sorted."""
    return sorted(p.parent.name for p in papers_dir().glob("*/paper.toml"))


def load(slug: str) -> Paper:
    """Read and validate one paper.

    Raises:
        UserError: no such paper (names the nearest).
        PaperError: the file is not valid (names file, claim and field).
    """
    if slug not in slugs():
        raise UserError(f"unknown paper {slug!r}: {nearest(slug, slugs())}")
    return read(papers_dir() / slug / "paper.toml")


def load_all() -> list[Paper]:
    """Read and validate every paper found."""
    return [load(slug) for slug in slugs()]


def read(path: Path) -> Paper:
    """Read and validate one ``paper.toml``; errors name file, claim and field."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise PaperError(f"{path}: not UTF-8 text: {error}") from None
    except (ValueError, RecursionError) as error:  # tomllib's own, over-long integers, endless nesting
        raise PaperError(f"{path}: not valid TOML: {error}") from None
    if "slug" in raw:
        raise PaperError(f"{path}: field 'slug': not allowed, the folder's name is the slug; remove it")
    try:
        return Paper.model_validate({"slug": path.parent.name, **raw})
    except ValidationError as error:
        lines = [f"{path}: {_where(e['loc'], raw)}: {e['msg']}" for e in error.errors()]
        raise PaperError("\n".join(lines)) from None


def _where(loc: tuple, raw: dict) -> str:
    """Name the place of a validation error: ``claim 'C2', field 'rule.why'``."""
    if len(loc) > 1 and _UNION_TAG.fullmatch(str(loc[-1])):
        loc = loc[:-1]
    if len(loc) >= 2 and loc[0] == "claims" and isinstance(loc[1], int):
        claims = raw.get("claims")
        entry = claims[loc[1]] if isinstance(claims, list) and loc[1] < len(claims) else None
        name = entry.get("id", f"number {loc[1] + 1}") if isinstance(entry, dict) else f"number {loc[1] + 1}"
        field = ".".join(map(str, loc[2:]))
        return f"claim {name!r}" + (f", field {field!r}" if field else "")
    return f"field {'.'.join(map(str, loc))!r}" if loc else "the file as a whole"


def _names(items) -> str:
    return ", ".join(sorted(items))
