"""Benchmarks: rows are computed as they say, the tables fit the page, and GPU code computes what the CPU computes."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest

from replicate import paper as papers

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
COLUMNS = "name,paper,size,ours,peer,peer_name,unit,ratio,ratio_low,ratio_high,target,met,agree,machine"


@pytest.fixture(scope="module")
def module():
    """Import scripts of the folder by name; forget them afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))
    for name in {path.stem for path in FOLDER.glob("*.py")} & (set(sys.modules) - before):
        del sys.modules[name]


@pytest.fixture
def harness(module):
    return module("harness")


def test_a_ratio_is_the_median_of_the_rounds_ratios(harness):
    """Ratios of medians would mix rounds in which the machine was busy with others."""
    row = harness.compared("fit", "suite", "n = 1", [1.0, 2.0, 10.0], [5.0, 20.0, 30.0], "peer", target=">= 4")
    assert (row.ours, row.peer, row.ratio, row.ratio_low, row.ratio_high) == (2.0, 20.0, 5.0, 3.0, 10.0)
    assert row.met == "yes"


def test_a_ceiling_is_about_ours_over_the_peers(harness):
    """An overhead of 5 % must not pass as a ratio of 0.95 that is below 1.05."""
    row = harness.compared("step", "suite", "", [1.1], [1.0], "without", target="<= 1.05")
    assert row.ratio == pytest.approx(1.1)
    assert row.met == "no"


def test_rates_are_shown_as_rates_and_compared_as_costs(harness):
    """More images a second is better: the ratio must be above 1."""
    row = harness.compared("step", "suite", "", [2.0], [4.0], "loop", per=100, unit="images/s")
    assert (row.ours, row.peer, row.ratio) == (50.0, 25.0, 2.0)


def test_every_way_runs_once_a_round_and_warm_rounds_do_not_count(harness):
    """All rounds of one way before the other would measure how busy the machine was when."""
    order, ticks = [], iter(range(100))
    ways = {name: lambda name=name: order.append(name) or name for name in "ab"}
    spent, results = harness.alternate(ways, 2, clock=lambda: next(ticks), warm=1)
    assert "".join(order) == "ababab"
    assert spent == {"a": [1, 1], "b": [1, 1]}
    assert results == {"a": "a", "b": "b"}


def test_a_target_without_a_sign_is_refused(harness):
    """A target that means nothing would be met by anything."""
    with pytest.raises(ValueError, match=r"target '10' must start with '>=' or '<='|target '10 x' must start"):
        harness.holds(3.0, "10 x")


def test_rows_of_the_same_comparison_on_the_same_hardware_are_replaced(harness, tmp_path, capsys):
    """The table keeps one line a comparison, whether the machine was busy or not; another machine's line stays."""
    table = tmp_path / "results.csv"
    rows = [
        harness.Row("fit", "suite", "n = 1", value, peer_name="peer", machine=machine)
        for value, machine in (
            (1.0, "A, 2 cores; shared, load 3.0"),
            (2.0, "A, 2 cores; idle"),
            (3.0, "B, 8 cores; idle"),
        )
    ]
    for row in rows:
        harness.write([row], table)
    assert table.read_text().splitlines()[0] == COLUMNS
    assert [(row.ours, row.machine) for row in harness.read(table)] == [
        (2.0, "A, 2 cores; idle"),
        (3.0, "B, 8 cores; idle"),
    ]
    assert "suite: fit, n = 1; 1 s; peer" in capsys.readouterr().out


def test_a_peer_that_is_not_there_is_a_row_that_says_so(module, monkeypatch):
    """One package that cannot be installed must not cost the other comparisons."""
    monkeypatch.setitem(sys.modules, "stumpy", None)  # importing it fails
    (row,) = module("euclid_telemetry").profiles(200, 20, 1)
    assert row.ours is None
    assert row.agree.startswith("not run: ")


def test_the_committed_table_is_consistent(harness):
    """A verdict that does not follow from its row would be typed in."""
    rows = harness.read()
    assert rows
    assert harness.TABLE.read_text().splitlines()[0] == COLUMNS
    assert {row.paper for row in rows} <= {*papers.slugs(), "suite"}
    for row in rows:
        value = row.ours if row.ratio is None else row.ratio
        if row.target and value is not None:
            assert row.met == harness.holds(value, row.target), row
        if row.ratio is not None:
            assert row.ratio_low <= row.ratio <= row.ratio_high, row


def test_every_missed_target_is_explained(harness, module):
    """A missed target without a reason is only a failure."""
    page = module("page")
    unexplained = [row.name for row in harness.read() if row.met == "no" and page.explanation(row) == "Not explained."]
    assert not unexplained


def test_the_page_is_what_the_tables_say(module):
    """The page must not drift from the tables; write it anew with python benchmarks/page.py."""
    page = module("page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_exponents_are_slopes_of_logarithms(module):
    """Costs of c n^2 have exponent 2, whatever c is."""
    scaling = module("scaling")
    assert scaling.exponent([(n, 3e-7 * n**2) for n in scaling.sizes(10)]) == pytest.approx(2.0)
    assert scaling.sizes(10)[0] == 10
    assert scaling.sizes(10)[-1] == 100


def test_methods_whose_growth_is_measured_are_of_papers_that_are_here(module):
    """A method that has moved would be left out without a word."""
    methods = module("methods").METHODS
    assert {method.paper for method in methods} <= set(papers.slugs())
    assert len({(method.paper, method.name) for method in methods}) == len(methods)


def test_profiles_name_functions_without_folders_of_a_machine(module):
    """Paths of the machine that profiled would differ on every other."""
    named = module("profiles").named
    assert named("/x/lib/site-packages/numpy/linalg/_linalg.py", "qr") == "numpy.qr"
    assert named("/x/replicate/papers/tempnet/tempnet.py", "forward") == "tempnet.tempnet.forward"
    assert named("~", "<built-in method builtins.sum>") == "builtins.sum"


@pytest.mark.parametrize("part", ["tempnet_solver", "projections", "local_fine", "ridge_path"])
def test_gpu_parts_run_and_compare_devices(module, part):
    """Here both devices are the CPU; on a machine with a GPU the same code compares the two."""
    gpu = module("gpu")
    rows = list(getattr(gpu, part)(gpu.Bench("cpu", tiny=True, rounds=1)))
    compared = [row for row in rows if row.name.startswith("same numbers")]
    assert compared
    assert all(row.agree == "yes" and math.isfinite(row.ours) for row in compared)


@pytest.mark.gpu
def test_gpu_computes_what_the_cpu_computes(module):
    """The same results within the tolerances of the table."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    gpu = module("gpu")
    rows = [row for part in gpu.PARTS for row in part(gpu.Bench("cuda", tiny=True, rounds=1))]
    assert not [row.name for row in rows if row.agree == "no"]


def test_without_a_gpu_the_script_says_so_and_ends_well():
    """A list of benchmarks must not stop at the one that needs other hardware."""
    hidden = {"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, FOLDER / "gpu.py"], env=hidden, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no GPU here" in done.stdout
