"""Every paper's notebook at the preset smoke, twice and from nothing: whole, in its budget, the same bytes."""

import drawn
import pandas as pd
import pytest

from replicate import claims, manifest, suite
from replicate import paper as papers
from replicate.paths import project_root
from replicate.suite import Request


@pytest.fixture(scope="module", params=papers.slugs())
def twice(request, tmp_path_factory):
    """Run a paper twice, on two workers and on one, with empty caches; return its run directories."""
    paper, found = papers.load(request.param), []
    source = project_root()
    for jobs in (2, 1):
        root = tmp_path_factory.mktemp(paper.slug)
        for shared in ("notebooks", "data"):
            (root / shared).symlink_to(source / shared)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REPLICATE_ROOT", str(root))
            patch.setenv("REPLICATE_CACHE", str(root / "units"))
            wanted = Request(paper, "smoke", jobs=jobs)
            outcome = suite.bring_up_to_date(wanted)
            assert outcome.state == "ran", outcome.detail
            found.append(wanted.target)
    return paper, found


def test_a_run_is_whole(twice):
    """A run that lacks a claim, a table or a figure must not pass for a result."""
    paper, (folder, _) = twice
    found = manifest.read(folder)
    assert found.state == "complete"
    judged = claims.read(folder / "claims.csv")
    assert judged["claim"].tolist() == [claim.id for claim in paper.claims]
    assert (judged["verdict"] != "not run").any()
    for kind in ("tables/*.csv", "figures/*.svg", "figures/*.png"):
        assert list(folder.glob(kind)), kind


def test_tables_are_tidy(twice):
    """One value a row and its meaning beside it: what `replicate compare` and a reader's groupby rely on."""
    _, (folder, _) = twice
    for path in folder.glob("tables/*.csv"):
        assert {"metric", "value"} <= set(pd.read_csv(path).columns), path.name


def test_smoke_keeps_its_budget(twice):
    """Processor seconds of all units: what a slow or busy machine would multiply."""
    paper, folders = twice
    for folder in folders:
        spent = manifest.read(folder).manifest["experiments"].values()
        assert sum(cost["cpu_seconds"] for cost in spent) <= paper.preset("smoke").budget_seconds


def test_two_runs_give_the_same_bytes(twice):
    """The same commit, preset and seed: the same tables and figures, whatever the number of workers."""
    _, folders = twice
    names = [sorted(str(p.relative_to(f)) for p in f.glob("*/*") if p.suffix in {".csv", ".svg"}) for f in folders]
    assert names[0] == names[1]
    different = [n for n in [*names[0], "claims.csv"] if len({(f / n).read_bytes() for f in folders}) > 1]
    assert not different


def test_figures_name_their_axes_and_keep_to_the_shared_colours(twice):
    """A number without a name, or a colour some readers cannot tell from the next, in any figure of any paper."""
    _, (folder, _) = twice
    for path in folder.glob("figures/*.svg"):
        assert not drawn.unlabelled_axes(path), path.name
        assert not drawn.odd_colours(path), path.name


def test_figures_are_whole(twice):
    """A picture saved in a frame that was measured too early loses axes and titles."""
    _, (folder, _) = twice
    assert not [path.name for path in folder.glob("figures/*.png") if drawn.cut_off(path)]
