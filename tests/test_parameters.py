"""Parameters of notebooks: what the tagged cell may hold, and values typed on a command line."""

import contextlib
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from replicate.errors import UserError
from replicate.parameters import (
    Parameter,
    check_value,
    coerce,
    examples,
    parse_assignments,
    read_parameters,
)

ALLOWED = {"seed": 0, "lr": 0.1, "fast": True, "name": "mnist", "rates": [0.1, 0.3], "anything": None}


def tagged(source, tag="parameters"):
    return new_code_cell(source, metadata={"tags": [tag]})


def notebook(source):
    return new_notebook(cells=[new_markdown_cell("# Paper"), tagged(source), new_code_cell("twice = 2 * lr")])


# The parameters cell


def test_lines_become_parameters_in_order():
    """Otherwise help texts and defaults shown to the user are not the notebook's."""
    source = """# all optional
preset = "smoke"  # which scale

lr = -1e-3  # step size # per update
n = None  # samples, from the preset
rates = [0.1, None]  # a list
"""
    found = read_parameters(notebook(source))
    assert list(found.values()) == [
        Parameter("preset", "smoke", "which scale"),
        Parameter("lr", -1e-3, "step size # per update"),
        Parameter("n", None, "samples, from the preset"),
        Parameter("rates", [0.1, None], "a list"),
    ]


def test_a_file_reads_like_its_notebook(tmp_path):
    """Files hold sources as lists of lines; a reader that joins them wrongly sees other parameters."""
    path = tmp_path / "demo.ipynb"
    content = json.loads(json.dumps(notebook("lr = 0.1  # step size\nn = 3  # runs")))
    content["cells"][1]["source"] = content["cells"][1]["source"].splitlines(keepends=True)
    path.write_text(json.dumps(content))
    assert read_parameters(path) == read_parameters(notebook("lr = 0.1  # step size\nn = 3  # runs"))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a = 1  # a\ntwice = 2 * a  # derived", "line 2: does not give 'twice' a literal"),
        ("a = (1, 2)  # tuple", "line 1: does not give 'a' a literal"),
        ("a = {'b': 1}  # dict", "line 1: does not give 'a' a literal"),
        ("a = {[]: 1}  # bad dict", "line 1: does not give 'a' a literal"),
        ("a = [[1]]  # nested", "line 1: does not give 'a' a literal"),
        ("a = 1e999  # infinite", "line 1: does not give 'a' a literal"),
        ("a = 1", "line 1: has no comment: say what 'a' means, with its unit"),
        ("a = 1  #", "line 1: has no comment"),
        ("a: int = 1  # annotated", "line 1: is not one `name = literal  # comment`"),
        ("a = b = 1  # two names", "line 1: is not one"),
        ("a = 1; b = 2  # two statements", "line 1: is not one"),
        ("a = [\n  1,\n]  # several lines", "line 1: is not one"),
        ("a = 1  # a\nimport os", "line 2: is not one"),
        ("a = 1  # a\na = 2  # again", "line 2: sets 'a' a second time"),
        ("%matplotlib inline", r"line 1: is not Python \(invalid syntax\)"),
    ],
)
def test_other_lines_are_refused(source, problem):
    """A derived or hidden value keeps its old default after injection, without any sign of it."""
    with pytest.raises(UserError, match=f"^notebook, parameters cell, {problem}"):
        read_parameters(notebook(source))


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([new_code_cell("a = 1  # a")], "no cell"),
        ([], "no cell"),
        ([new_code_cell("import os"), tagged("a = 1  # a")], "cell 2"),
        ([tagged("a = 1  # a"), tagged("b = 1  # b")], "cell 1, 2"),
        ([new_markdown_cell("x", metadata={"tags": ["parameters"]}), new_code_cell("a = 1  # a")], "cell 1"),
    ],
)
def test_the_first_code_cell_and_no_other_is_tagged(cells, found):
    """papermill injects at the top when the tag is missing, and the notebook then overwrites the values."""
    with pytest.raises(UserError, match=f"first code cell, and only it.*tagged: {found}$"):
        read_parameters(new_notebook(cells=cells))


def test_an_executed_notebook_is_refused():
    """A stale injected cell would silently win over the defaults."""
    cells = [tagged("a = 1  # a"), tagged("a = 2", "injected-parameters")]
    with pytest.raises(UserError, match="'injected-parameters' makes it an output; use the source"):
        read_parameters(new_notebook(cells=cells))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is not a notebook: "), ("[1]", "no cells"), ('{"worksheets": []}', "no cells")],
)
def test_other_files_are_refused(tmp_path, text, problem):
    """A traceback from a JSON parser tells a user nothing."""
    (tmp_path / "demo.ipynb").write_text(text)
    with pytest.raises(UserError, match=f"demo.ipynb.*{problem}"):
        read_parameters(tmp_path / "demo.ipynb")
    with pytest.raises(UserError, match=r"no notebook at .*other\.ipynb"):
        read_parameters(tmp_path / "other.ipynb")


# Values


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("seed=7", 7),
        (" seed = 007 ", 7),
        ("lr=1e-3", 1e-3),
        ("lr=1", 1.0),
        ("fast=False", False),
        ("name=1.10", "1.10"),
        ("name=a=b", "a=b"),
        ("name=", ""),
        ("rates=[1, 0.5]", [1.0, 0.5]),
        ("rates=[]", []),
        ("anything=1e-3", 1e-3),
        ("anything=007", "007"),
        ("anything=[1, true]", [1, True]),
        ("lr=none", None),
        ("name=None", None),
    ],
)
def test_text_takes_the_type_of_the_example(assignment, value):
    """Guessed types turn a version 1.10 into 1.1, an id 007 into 7 and a rate 1e-3 into a text."""
    (result,) = parse_assignments([assignment], ALLOWED, slug="tempnet").values()
    assert result == value
    assert type(result) is type(value)
    assert [type(v) for v in (result if type(value) is list else [])] == [
        type(v) for v in (value if type(value) is list else [])
    ]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed=3.0", "parameter 'seed': expected an integer or none, found '3.0'"),
        ("seed=true", "expected an integer or none, found 'true'"),
        ("lr=fast", "expected a finite number or none, found 'fast'"),
        ("lr=inf", "expected a finite number or none, found 'inf'"),
        ("fast=1", "expected true, false or none, found '1'"),
        ("rates=0.1", r"expected a JSON list such as \[0.1, 0.3\] or none, found '0.1'"),
        ("rates=0.1,0.3", r"expected a JSON list .*, found '0.1,0.3'"),
        ('rates=["a"]', "expected a JSON list"),
        ("rates=[[1]]", "expected a JSON list"),
        ('anything={"a": 1}', "expected none, true, false, a finite number, a text or a flat list"),
        ("anything=NaN", "expected none, true"),
    ],
)
def test_wrong_types_are_refused(assignment, message):
    """A text where a number is meant fails hours later, or not at all."""
    with pytest.raises(UserError, match=message):
        parse_assignments([assignment], ALLOWED, slug="tempnet")


def test_an_unknown_name_is_answered_with_the_nearest():
    """papermill ignores a misspelt name: a whole sweep would run on the defaults."""
    message = r"unknown parameter 'see' for tempnet: did you mean 'seed'\? \(allowed: lr, seed\)"
    with pytest.raises(UserError, match=message):
        parse_assignments(["see=1"], {"seed": 0, "lr": 0.1}, slug="tempnet")


@pytest.mark.parametrize("assignment", ["seed", "=3", ""])
def test_text_without_a_name_or_a_value_is_refused(assignment):
    """``replicate run tempnet seed`` must not mean anything."""
    with pytest.raises(UserError, match=f"of tempnet: expected name=value, found '{assignment}'"):
        parse_assignments([assignment], ALLOWED, slug="tempnet")


def test_a_repeated_name_is_refused():
    """The user would not know which of the two counted."""
    with pytest.raises(UserError, match="'seed' of tempnet is given twice"):
        parse_assignments(["seed=1", "seed=2"], ALLOWED, slug="tempnet")


def test_types_serve_as_examples():
    """The command line knows types, not values, for parameters of the suite itself."""
    assert parse_assignments(["n=3", "r=[1]"], {"n": float, "r": list}, slug="x") == {"n": 3.0, "r": [1]}
    with pytest.raises(UserError, match=r"expected a flat JSON list such as \[0.1, 0.3\] or none, found '3'"):
        parse_assignments(["r=3"], {"r": list}, slug="x")
    with pytest.raises(TypeError, match="no parameter can be a dict"):
        coerce("n", "3", {})


@pytest.mark.parametrize(
    ("value", "example"),
    [(np.float64(1), 0.1), (np.int64(1), 1), ((1, 2), [1]), ({"a": 1}, None), (math.nan, 0.1), (True, 1)],
)
def test_only_json_primitives_pass(value, example):
    """Tuples and dicts turn into texts on the way into the notebook, NumPy scalars into other types."""
    with pytest.raises(UserError, match=rf"parameter 'a': expected .*, found .*\({type(value).__name__}\)"):
        check_value("a", value, example)


def test_a_message_never_prints_a_long_value():
    """An array pasted by mistake must not fill the screen."""
    with pytest.raises(UserError) as error:
        check_value("a", list(range(10_000)), 1)
    assert len(str(error.value)) < 200


def test_a_default_of_none_takes_its_type_from_the_preset():
    """Otherwise parameters that come from the preset would accept anything."""
    declared = read_parameters(notebook("n = None  # runs\nlr = 0.1  # rate\nx = None  # nothing known"))
    assert examples(declared, {"n": 5, "lr": 0.2}) == {"n": 5, "lr": 0.1, "x": None}


EXAMPLES = st.sampled_from([None, 1, 0.5, True, "text", [1], [0.5], ["a"], [], int, float, str, list])
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["1e999", "[1, [2]]", "[NaN]", "{}", "[1", "nan", "-0", "9" * 5000, "tru"]
)


@given(TEXTS, EXAMPLES)
def test_whatever_is_typed_is_a_value_or_a_mistake_that_names_its_parameter(text, example):
    """Only one kind of error may leave, with the name, whatever somebody types."""
    try:
        found = parse_assignments([f"lr={text}"], {"lr": example}, slug="toy")
    except UserError as error:
        said = str(error)
    else:
        said = "'lr'"
        assert json.loads(json.dumps(found)) == found
    assert "'lr'" in said


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_words_on_the_command_line_are_values_or_one_kind_of_mistake(words):
    """A forgotten '=' or an unknown name must not end in a traceback."""
    with contextlib.suppress(UserError):
        assert set(parse_assignments(words, {"a": 1, "b": "x"}, slug="toy")) <= {"a", "b"}


JSONLIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(JSONLIKE, EXAMPLES)
def test_any_value_from_python_passes_or_names_its_parameter(value, example):
    """What `Run(...)` is given comes from anywhere."""
    try:
        found = check_value("lr", value, example)
    except UserError as error:
        said = str(error)
    else:
        said = "'lr'"
        assert json.loads(json.dumps(found)) == found
    assert "'lr'" in said


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_json_text_of_a_value_gives_the_value_back(value):
    """A value copied from a manifest into a command line must reproduce the run."""
    assert coerce("a", json.dumps(value), value) == value
    assert coerce("a", json.dumps([value]), [value]) == [value]
    assert coerce("a", json.dumps(value), None) == value
