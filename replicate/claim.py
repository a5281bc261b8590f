"""A claim of a paper as data: its value, where it stands, and which measurements would agree with it."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from replicate.verdicts import Region

PresetName = Literal["smoke", "default", "paper", "gpu", "overnight"]
PRESETS: tuple[PresetName, ...] = ("smoke", "default", "paper")  # every paper has these
# some have these too: minutes on a GPU, hours on a few cores
ALL_PRESETS: tuple[PresetName, ...] = (*PRESETS, "gpu", "overnight")
Text = Annotated[str, Field(min_length=1)]


def _number(value: Any) -> int | float:
    """Refuse what TOML does not write as a number (``"93.1"``, ``true``) and what no float64 holds."""
    if type(value) not in (int, float):
        raise ValueError(f"must be a number, found {type(value).__name__} {value!r}")
    if abs(value) > 1e300 or math.isnan(value):
        raise ValueError("must be a finite number that float64 can hold")
    return value


Number = Annotated[int | float, BeforeValidator(_number)]
Whole = Annotated[int, Field(strict=True)]


class Strict(BaseModel):
    """A record that allows no unknown fields and no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Rule(Strict):
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
            raise ValueError(f"rule {self.kind!r} takes {names(needed)}; found {names(given) or 'none'}")
        return self

    def region(self, published: float | None) -> Region:
        """Return the set of values that agree with the claim."""
        pairs = {"within": (published, self.tolerance), "between": (self.low, self.high)}
        numbers = pairs.get(self.kind, (self.bound,))
        return getattr(Region, self.kind)(*numbers)


class Needs(Strict):
    """What must hold for a comparison with the paper to mean anything."""

    dataset: str = Field("", description="name of the data set; empty: none")
    presets: tuple[PresetName, ...] = ALL_PRESETS

    def unmet(self, *, dataset: str, preset: str) -> str:
        """Return why a measurement is not comparable, or an empty string."""
        if preset not in self.presets:
            return f"needs preset {' or '.join(self.presets)}, this is {preset}"
        if self.dataset and dataset != self.dataset:
            return f"needs {self.dataset}, measured on {dataset or 'no data set'}"
        return ""


class Claim(Strict):
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


def names(items) -> str:
    """Return sorted names as one readable text."""
    return ", ".join(sorted(items))
