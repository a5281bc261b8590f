"""A paper as data: citation, claims, presets, deviations and corrections, read from its ``paper.toml``.

Papers are discovered by scanning ``replicate/papers/*/paper.toml``; nothing lists them by hand.
"""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from replicate.claim import PRESETS, Claim, Number, PresetName, Strict, Text, Whole, names
from replicate.errors import PaperError, UserError, nearest
from replicate.paths import notebooks_dir, papers_dir

Value = bool | int | float | str
_UNION_TAG = re.compile(r"int|float|\[key\]|literal\[.*|function-before\[.*")  # pydantic's, not the file's


class Citation(Strict):
    """Where the paper is."""

    title: Text
    authors: Text
    venue: Text
    year: Whole
    arxiv: str = ""
    url: str = ""
    code: str = Field("", description="the authors' own code, with its commit")


class Deviation(Strict):
    """What the paper leaves open, or what we do otherwise."""

    what: Text
    why: Text
    evidence: Text
    claims: tuple[str, ...] = ()


class Correction(Strict):
    """A dated change of our own results and its cause."""

    date: date
    what: Text
    cause: Text
    claims: tuple[str, ...] = ()


class Tolerance(Strict):
    """How far a machine's numbers may be from the committed snapshot (``replicate compare``)."""

    table: Text = Field(description="a table's name, or '*'")
    metric: str = "*"
    absolute: Number = Field(0, ge=0)
    relative: Number = Field(0, ge=0)
    rows: Literal["same", "may differ"] = "same"
    exceptions: Number = Field(0, ge=0, lt=1, description="share of rows that may be further away")
    why: Text


class Preset(Strict):
    """The scale of a run: values of notebook parameters."""

    description: Text
    budget_seconds: Number = Field(gt=0, description="what the run should take at most")
    parameters: dict[str, Value | list[Value]]


class Paper(Strict):
    """Everything ``paper.toml`` says."""

    slug: str
    short: Text
    summary: Text = Field(description="the paper in five lines")
    datasets: tuple[str, ...] = Field((), description="registry data sets whose hashes the results depend on")
    citation: Citation
    claims: tuple[Claim, ...]
    presets: dict[PresetName, Preset]
    deviations: tuple[Deviation, ...] = ()
    corrections: tuple[Correction, ...] = ()
    compare: tuple[Tolerance, ...] = ()

    @model_validator(mode="after")
    def _consistent(self):
        ids = [claim.id for claim in self.claims]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"claim ids must be unique; used twice: {names(twice)}")
        records: tuple[Deviation | Correction, ...] = (*self.deviations, *self.corrections)
        for record in records:
            if unknown := set(record.claims) - set(ids):
                raise ValueError(f"{record.what[:40]!r} names unknown claims {names(unknown)}")
        if missing := set(PRESETS) - set(self.presets):
            raise ValueError(f"presets missing: {names(missing)}")
        keys = {name: set(preset.parameters) for name, preset in self.presets.items()}
        every, common = set().union(*keys.values()), set(keys["smoke"]).intersection(*keys.values())
        if odd := every - common:
            raise ValueError(f"every preset must set the same parameters; not in all: {names(odd)}")
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
