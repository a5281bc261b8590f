"""The records: the generated table everywhere, the released files where they are."""

import numpy as np
import pytest

from replicate.errors import UserError
from replicate.papers.overtraining_scaling import designs, records
from replicate.papers.overtraining_scaling.laws import fit_loss
from replicate.papers.overtraining_scaling.published import laws


@pytest.fixture(scope="module", params=["generated", pytest.param("scaling", marks=pytest.mark.data)])
def bed(request):
    """Return the testbed from either source."""
    return records.load(request.param)


def test_there_are_104_runs_at_the_published_sizes(bed):
    """95 small ones (C4 lacks 0.411B at M = 640) and three large ones a training set."""
    assert len(bed.runs) == 104
    assert bed.runs.groupby("training_set").size().to_dict() == {"C4": 34, "RedPajama": 35, "RefinedWeb": 35}
    assert set(bed.runs["N"]) == set(records.PARAMETERS)
    assert bed.runs["C"].dtype == float
    np.testing.assert_array_equal(bed.runs["D"], bed.runs["N"] * bed.runs["M"])
    assert not bed.runs.isna().any().any()
    for training_set in records.SETS.values():
        large = bed.of(training_set).runs.iloc[designs.large(bed.of(training_set).runs)]
        assert list(large["M"]) == [20, records.LARGEST_M[training_set], 20]


def test_the_default_design_costs_what_table_1_says(bed):
    """2.41e19 and 2.73e20 FLOPs."""
    runs = bed.of("RedPajama").runs
    assert runs["C"].iloc[designs.rows(runs, designs.LOSS_RUNS)].sum() == pytest.approx(2.41e19, rel=2e-3)
    assert runs["C"].iloc[designs.rows(runs, designs.ERROR_RUNS)].sum() == pytest.approx(2.73e20, rel=2e-3)


def test_the_generated_table_lies_on_the_published_laws():
    """So a fit returns them, and its source says that it judges nothing."""
    bed = records.load("generated").of("C4")
    runs = bed.runs.iloc[designs.rows(bed.runs, designs.LOSS_RUNS)]
    found = fit_loss(runs["N"], runs["D"], runs["c4_val"])
    assert found.eta == pytest.approx(laws()["C4"][0].eta, rel=1e-8)
    assert bed.source == "generated"


def test_unknown_names_are_refused():
    """With the nearest."""
    with pytest.raises(UserError, match="did you mean 'RedPajama'"):
        records.load("generated").of("RedPyjama")
    with pytest.raises(UserError, match="did you mean 'scaling'"):
        records.load("scalling")
    with pytest.raises(KeyError):
        designs.rows(records.load("generated").of("C4").runs, (("0.411B", 640),))


def test_without_records_the_source_is_generated(monkeypatch):
    """Offline and without a mirror: no error, a label."""

    def unavailable(name):
        raise records.datasets.Unavailable("nowhere")

    monkeypatch.setattr(records.datasets, "fetch", unavailable)
    records._at_hand.cache_clear()
    assert records.source() == "generated"
    records._at_hand.cache_clear()


@pytest.mark.data
def test_released_values_against_the_contract():
    """Losses and both averages of two runs to five decimals; the levels of guessing of both averages."""
    bed = records.load("scaling")
    assert bed.errors.shape == (104, 46)
    assert len(records.EVALUATIONS) == 8
    runs, e17, e46 = bed.runs, bed.average(), bed.average(bed.errors.columns)
    for name, size, m, loss, all_tasks, some in (
        ("C4", "0.011B", 20, 5.22068, 0.74905, 0.80367),
        ("RedPajama", "1.4B", 640, 2.50205, 0.60002, 0.47522),
        ("RefinedWeb", "6.9B", 20, 2.45472, 0.59610, 0.45046),
    ):
        i = runs.index[(runs["training_set"] == name) & (runs["size"] == size) & (runs["M"] == m)].item()
        np.testing.assert_allclose([runs["c4_val"][i], e46[i], e17[i]], [loss, all_tasks, some], atol=6e-6)
    assert bed.tasks["chance"].loc[list(records.TASKS_17)].mean() == pytest.approx(0.808824, abs=1e-6)
    i = runs.index[(runs["training_set"] == "RedPajama") & (runs["size"] == "6.9B")].item()
    assert bed.noise()[i] == pytest.approx(0.00645, abs=5e-5)
    assert len(records.grid_search()) == 435
