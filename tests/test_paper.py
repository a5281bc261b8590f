"""paper.toml: every mistake is named with file, claim and field, and nothing but PaperError comes out."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replicate import paper
from replicate.errors import PaperError, UserError

C1_RULE = 'rule = { kind = "within", tolerance = 1.0, why = "twice the paper\'s own seed spread" }'
C2_RULE = 'rule = { kind = "above", bound = 0, why = "an ordering" }'

DEVIATION = 'every other setting"\nclaims = ["C1"]'
CORRECTION = 'cause = "a typing error"\nclaims = ["C1"]'

# what is wrong, (old text, new text), the place named, the reason given
MISTAKES = [
    ("missing field", ('statement = "A beats B."\n', ""), r"claim 'C2', field 'statement'", "Field required"),
    ("empty field", ('"A beats B."', '"  "'), r"claim 'C2', field 'statement'", "at least 1 character"),
    ("extra field", ('unit = "%"', 'units = "%"'), r"claim 'C1', field 'units'", "not permitted"),
    ("extra field on top", ('short = "Toy"', 'short = "Toy"\ncolour = 1'), r"field 'colour'", "not permitted"),
    ("the slug", ('short = "Toy"', 'short = "Toy"\nslug = "b"'), r"field 'slug'", "the folder's name is the slug"),
    ("number as text", ("published = 93.1", 'published = "93.1"'), r"claim 'C1', field 'published'", "be a number"),
    ("bool as number", ("published = 93.1", "published = true"), r"claim 'C1', field 'published'", "found bool True"),
    ("not a number", ("published = 93.1", "published = nan"), r"claim 'C1', field 'published'", "finite"),
    ("beyond float64", ("published = 93.1", f"published = 1{'0' * 400}"), r"claim 'C1', field 'published'", "float64"),
    ("text as count", ("published_n = 5", 'published_n = "5"'), r"claim 'C1', field 'published_n'", "integer"),
    ("text for number", ("published_sd = 0.2", 'published_sd = ""'), r"claim 'C1', field 'published_sd'", "unknown"),
    ("year as text", ("year = 2020", 'year = "2020"'), r"field 'citation.year'", "valid integer"),
    ("number as text field", ('venue = "Journal of Toys"', "venue = 1"), r"field 'citation.venue'", "valid string"),
    ("within without published", ("published = 93.1\n", 'published_text = "about 93"\n'), r"claim 'C1'", "'published'"),
    ("nothing published", ('published_text = "A is higher"\n', ""), r"claim 'C2'", "'published_text' saying why"),
    ("no reason", (', why = "twice the paper\'s own seed spread"', ""), r"claim 'C1', field 'rule.why'", "required"),
    ("no tolerance", ("tolerance = 1.0, ", ""), r"claim 'C1', field 'rule'", "takes tolerance; found none"),
    ("other numbers", ("bound = 0", "low = 0"), r"claim 'C2', field 'rule'", "'above' takes bound; found low"),
    ("unknown rule", ('kind = "above"', 'kind = "over"'), r"claim 'C2', field 'rule.kind'", "'within'"),
    ("negative tolerance", ("tolerance = 1.0", "tolerance = -1.0"), r"claim 'C1'", "tolerance is -1.0"),
    ("empty region", (C2_RULE, 'rule = {kind="between", low=2, high=1, why="x"}'), r"claim 'C2'", "no value"),
    ("bad id", ('id = "C2"', 'id = "C 2"'), r"claim 'C 2', field 'id'", "pattern"),
    ("no id", ('id = "C2"\n', ""), r"claim 'number 2', field 'id'", "Field required"),
    ("id twice", ('id = "C2"', 'id = "C1"'), "the file as a whole", "unique; used twice: C1"),
    ("unknown preset", ('["default", "paper"]', '["tiny"]'), r"claim 'C2', field 'needs.presets.0'", "'smoke'"),
    ("claims not a list", ("[[claims]]\nid = \"C1\"", "[claims]\nid = \"C1\""), "not valid TOML", ""),
    ("unnamed preset", ("[presets.paper]", "[presets.huge]"), r"field 'presets.huge", "'paper', 'gpu' or 'overnight'"),
    ("no time", ("budget_seconds = 20\n", "budget_seconds = 0\n"), r"presets.smoke.budget_seconds", "greater than 0"),
    ("other parameters", ("dim = 200, rate", "dims = 200, rate"), "the file as a whole", "not in all: dim, dims"),
    ("deviation of nothing", (DEVIATION, DEVIATION.replace("C1", "C9")), "whole", "'Batch size' names unknown claims"),
    ("correction of nothing", (CORRECTION, CORRECTION.replace("C1", "C9")), "whole", "split' names unknown claims C9"),
    ("no evidence", ('evidence = "the appendix lists every other setting"\n', ""), "deviations.0.evidence", ""),
    ("no date", ("date = 2024-01-02", 'date = "soon"'), r"field 'corrections.0.date'", "date"),
    ("loose comparison", ('why = "trained numbers drift"\n', ""), r"field 'compare.0.why'", "required"),
    ("negative slack", ("relative = 0.01", "relative = -1"), r"field 'compare.0.relative'", "greater than or equal"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "where", "why"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes_are_named_with_file_claim_and_field(toy_paper_toml, read_toy, change, where, why):
    """Without place and reason, an author hunts through hundreds of lines."""
    with pytest.raises(PaperError) as caught:
        read_toy(toy_paper_toml(change))
    lines = [line for line in str(caught.value).splitlines() if where in line and why in line]
    assert lines, str(caught.value)
    assert "toy/paper.toml: " in lines[0]


def test_a_missing_preset_is_named(toy_paper_toml, read_toy):
    """Every paper must run at every scale, or `make PRESET=...` would skip it silently."""
    text = toy_paper_toml()
    start, end = text.index("[presets.paper]"), text.index("[[claims]]")
    with pytest.raises(PaperError, match="presets missing: paper"):
        read_toy(text[:start] + text[end:])


def test_all_mistakes_are_told_at_once(toy_paper_toml, read_toy):
    """One error a run would make fixing a new paper slow."""
    with pytest.raises(PaperError) as caught:
        read_toy(toy_paper_toml(("year = 2020", 'year = "x"'), ('statement = "A beats B."\n', "")))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"short = \n", "toy/paper.toml: not valid TOML: .*line 1"),
        (b"x = " + b"1" * 5000, "not valid TOML: .*4300 digits"),
        (b"x = " + b"[" * 20_000, "not valid TOML: .*recursion"),
        (b"short = '\xff'", "toy/paper.toml: not UTF-8 text: .*0xff"),
        (b"", "field 'citation': Field required"),
    ],
    ids=["syntax", "integer", "nesting", "encoding", "empty"],
)
def test_what_is_not_toml_is_a_paper_error(read_toy, content, message):
    """tomllib leaks other exceptions for some broken files; a traceback helps nobody."""
    with pytest.raises(PaperError, match=message):
        read_toy(content)


def test_the_toy_paper_reads_as_written(toy):
    """Published values must arrive verbatim, with the region they imply."""
    c1, c2 = toy.claims
    assert (toy.slug, toy.module, toy.notebook.name) == ("toy", "replicate.papers.toy", "toy.ipynb")
    assert (c1.published, c1.published_sd, c1.published_n) == (93.1, 0.2, 5)
    assert (str(c1.region), str(c2.region)) == ("92.1 to 94.1", "above 0")
    assert (c1.published_label, c2.published_label) == ("93.1 %", "A is higher")
    assert c2.published is None
    assert c2.published_sd == "unknown"
    assert toy.preset("paper").parameters == {"dim": 200, "rate": 0.1}
    assert toy.corrections[0].date.isoformat() == "2024-01-02"


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        ("{kind='within', tolerance=0.1, why='x'}", [0.6, 0.8], [0.5999, 0.8001]),
        ("{kind='between', low=1, high=2, why='x'}", [1, 2], [0.999, 2.001]),
        ("{kind='at_least', bound=1, why='x'}", [1, math.inf], [0.999]),
        ("{kind='at_most', bound=1, why='x'}", [1, -math.inf], [1.001]),
        ("{kind='above', bound=1, why='x'}", [1.001], [1]),
        ("{kind='below', bound=1, why='x'}", [0.999], [1]),
    ],
)
def test_rules_accept_what_their_names_say(toy_paper_toml, read_toy, rule, inside, outside):
    """A rule that reaches the wrong region turns a right verdict into a wrong one (0.7 +- 0.1 ends on 0.8)."""
    text = toy_paper_toml(("published = 93.1", "published = 0.7"), (C1_RULE, f"rule = {rule}"))
    region = read_toy(text).claims[0].region
    assert all(region.contains_interval(v, v) for v in inside)
    assert not any(region.contains_interval(v, v) for v in outside)


def test_labels_separate_thousands_and_keep_every_digit(toy_paper_toml, read_toy):
    """A rounded published value can no longer be checked against the paper."""
    text = toy_paper_toml(("published = 93.1", "published = 199210"), ('unit = "%"', 'unit = "bytes"'))
    assert read_toy(text).claims[0].published_label == "199,210 bytes"


def test_needs_say_what_is_unmet(toy):
    """A fallback data set or a small preset must never be judged silently."""
    needs = toy.claims[1].needs
    assert needs.unmet(dataset="mnist", preset="paper") == ""
    assert needs.unmet(dataset="mnist", preset="smoke") == "needs preset default or paper, this is smoke"
    assert needs.unmet(dataset="digits", preset="paper") == "needs mnist, measured on digits"
    assert needs.unmet(dataset="", preset="paper") == "needs mnist, measured on no data set"
    assert toy.claims[0].needs.unmet(dataset="anything", preset="smoke") == ""


def test_unknown_names_point_to_the_nearest(toy):
    """A misspelt name must cost one look, not a search."""
    with pytest.raises(UserError, match=r"unknown paper 'tou': did you mean 'toy'\? \(allowed: toy\)"):
        paper.load("tou")
    with pytest.raises(UserError, match=r"toy has no claim 'c1': did you mean 'C1'\? \(allowed: C1, C2\)"):
        toy.claim("c1")
    with pytest.raises(UserError, match=r"unknown preset 'defualt': did you mean 'default'\?"):
        toy.preset("defualt")
    with pytest.raises(UserError, match=r"unknown preset None: \(allowed: default, paper, smoke\)"):
        toy.preset(None)


def test_papers_are_found_by_scanning(isolated, toy, toy_paper_toml):
    """A list kept by hand would forget papers; folders without paper.toml are none."""
    (isolated.papers / "notes").mkdir()
    (isolated.papers / "another").mkdir()
    (isolated.papers / "another" / "paper.toml").write_text(toy_paper_toml())
    assert paper.slugs() == ["another", "toy"]
    assert [p.slug for p in paper.load_all()] == ["another", "toy"]
    assert paper.load("toy") == toy


def test_no_papers_at_all(isolated):
    """An empty suite is told, not crashed on."""
    assert paper.load_all() == []
    with pytest.raises(UserError, match=r"unknown paper 'toy': \(allowed: none\)"):
        paper.load("toy")


def test_every_paper_of_the_suite_is_valid():
    """A broken paper.toml must fail here, not in somebody's run."""
    assert [p.slug for p in paper.load_all()] == paper.slugs()


VALUES = st.sampled_from(
    ["true", "0", "-5", "1e400", "inf", "-inf", "nan", '""', "'C1'", "[]", "{}", "[{}]", "[[]]", "2024-01-02",
     "1979-13-45", "12:00:00", "9" * 400, "9" * 5000, "1e308", "{ kind = 'within' }", "'''", "\x00", "", "['C1', 1]",
     "{a = 1, a = 2}"]
)  # fmt: skip
PIECES = st.sampled_from(
    ["[", "]", "[[", "]]", '"', "=", "\n", "claims", "presets", ".", "\ufeff", "\udcff", "#", "\\u0000"]
)
EDITS = st.one_of(
    st.tuples(st.just("value"), st.integers(0, 200), VALUES),
    st.tuples(st.just("drop"), st.integers(0, 200), st.just("")),
    st.tuples(st.just("repeat"), st.integers(0, 200), st.just("")),
    st.tuples(st.just("insert"), st.integers(0, 3000), PIECES | st.text(max_size=3)),
    st.tuples(st.just("cut"), st.integers(0, 3000), st.just("")),
)


def _mutate(text: str, edits: list[tuple[str, int, str]]) -> str:
    """Apply edits to lines (another value, gone, twice) and to characters (inserted, cut off)."""
    for kind, where, piece in edits:
        lines = text.splitlines(keepends=True) or [""]
        i = where % len(lines)
        if kind == "value" and "=" in lines[i]:
            lines[i] = f"{lines[i].split('=')[0]}= {piece}\n"
        elif kind in ("drop", "repeat"):
            lines[i] *= 2 * (kind == "repeat")
        text = "".join(lines)
        at = where % (len(text) + 1)
        if kind == "insert":
            text = text[:at] + piece + text[at:]
        if kind == "cut":
            text = text[:at] + text[at + 5 :]
    return text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(EDITS, min_size=1, max_size=3))
def test_mutated_papers_raise_paper_errors_or_work(toy_paper_toml, read_toy, edits):
    """Whatever an author types: a PaperError, or a paper whose claims can be judged and printed."""
    try:
        found = read_toy(_mutate(toy_paper_toml(), edits).encode("utf-8", "surrogatepass"))
    except PaperError:
        return
    for claim in found.claims:
        assert str(claim.region)
        assert claim.published_label
        claim.needs.unmet(dataset="", preset="smoke")
