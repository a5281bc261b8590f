"""The search for the maximum: against other software, published fits, and what has no maximum."""

import json
import os
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
import pytest
from lifelines import datasets

from replicate.papers.survival_models import starts
from replicate.papers.survival_models.ascent import climb, coordinates
from replicate.papers.survival_models.likelihood import COMPONENTS, Model, Observed, evaluate
from replicate.papers.survival_models.newton import maximise

LETTERS = dict(zip("tban", COMPONENTS, strict=True))
HELD = {"lam": "tau", "phi": "beta", "both": None}
LOG2 = float(np.log(2.0))


def structure(label, design, **fixed):
    """Return a model such as ``ba/lam``: covariates in beta and alpha, phi held at 1."""
    letters, baseline = label.split("/")
    covariates, one = {LETTERS[letter] for letter in letters.strip("0")}, np.ones((len(design), 1))
    free = [name for name in COMPONENTS if name != HELD[baseline] and name not in fixed]
    return Model({name: design if name in covariates else one for name in free}, fixed)


def with_intercept(*columns):
    columns = [np.asarray(column, dtype=float) for column in columns]
    return np.column_stack([np.ones(len(columns[0])), *columns])


def trial(n=600, kappa=0.5, seed=0):
    """Draw a trial with effects 0.5 on log lambda, 0.3 on log gamma of x and -0.2 of a wide covariate w."""
    rng = np.random.default_rng(seed)
    x, w = rng.integers(0, 2, n), rng.normal(50, 10, n)
    y = rng.exponential(size=n) / np.exp(-0.2 + 0.5 * x - 0.02 * (w - 50))
    k1 = kappa + 1
    z = k1 * (np.maximum(1 + kappa * y / k1, 1e-9) ** (1 / kappa) - 1)
    time, censored = z ** np.exp(-0.4 - 0.3 * x), rng.uniform(0, 5, n)
    return Observed(np.minimum(time, censored), time <= censored), with_intercept(x, w)


LIFELINES = {
    "weibull rossi": (datasets.load_rossi, "week", "arrest", ["fin", "age", "prio"], "t/phi", LOG2),
    "log-logistic rossi": (datasets.load_rossi, "week", "arrest", ["fin", "age", "prio"], "t/phi", 0.0),
    "weibull larynx": (datasets.load_larynx, "time", "death", ["age", "Stage_II", "Stage_IV"], "t/phi", LOG2),
    "weibull ancillary gbsg2": (datasets.load_gbsg2, "time", "cens", ["tsize", "pnodes"], "ta/phi", LOG2),
    "log-logistic ancillary lung": (datasets.load_lung, "time", "status", ["sex", "age"], "ta/phi", 0.0),
}


@pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0")
@pytest.mark.parametrize("case", LIFELINES)
def test_fixed_kappa_against_lifelines(case):
    """Lost: Weibull (kappa = 1) and log-logistic (kappa = 0) regressions of other software, on real data."""
    load, time, event, covariates, label, nu = LIFELINES[case]
    frame = load()[[time, event, *covariates]].dropna()
    frame = frame[frame[time] > 0]
    kind = lifelines.WeibullAFTFitter if nu else lifelines.LogLogisticAFTFitter
    other = kind().fit(frame, time, event, ancillary="ancillary" in case)
    found = maximise(
        Observed(frame[time], frame[event]), structure(label, with_intercept(*frame[covariates].T.to_numpy()), nu=nu)
    )
    assert found.regular or "ancillary" in case
    assert found.converged
    assert found.value >= other.log_likelihood_ - 1e-8  # lifelines stops a little early
    assert found.value == pytest.approx(other.log_likelihood_, abs=2e-3)
    slopes = other.params_[other.params_.index[0][0]][covariates]
    error = found.standard_errors[1 : 1 + len(covariates)]
    np.testing.assert_array_less(np.abs(found.theta[1 : 1 + len(covariates)] + slopes) / error, 0.02)


def test_left_truncation_against_lifelines():
    """Lost: late entry, in a package that computes it by itself."""
    rng = np.random.default_rng(1)
    time, entry = 2 * rng.weibull(1.5, 800), rng.uniform(0, 1.5, 800)
    keep = time > entry
    time, entry = time[keep], entry[keep]
    event = rng.random(keep.sum()) < 0.8
    other = lifelines.WeibullFitter().fit(time, event, entry=entry)
    found = maximise(Observed(time, event, entry), structure("0/phi", np.ones((len(time), 1)), nu=LOG2))
    assert found.value == pytest.approx(other.log_likelihood_, abs=1e-5)
    assert np.exp(-found.theta[0]) == pytest.approx(other.lambda_, rel=1e-4)
    assert np.exp(found.theta[1]) == pytest.approx(other.rho_, rel=1e-4)


@pytest.mark.parametrize("kappa", [-0.3, 0.5, 2.0])
def test_truth_is_within_its_errors(kappa):
    """Lost: that the estimates estimate; 4 standard errors."""
    data, design = trial(5000, kappa)
    design[:, 2] -= 50
    found = maximise(data, structure("ba/lam", design))
    truth = np.array([-0.2, 0.5, -0.02, 0.4, 0.3, 0.0, np.log1p(kappa)])
    assert found.regular
    np.testing.assert_array_less(np.abs(found.theta - truth) / found.standard_errors, 4.0)


def test_optimum_is_stationary_and_reports_itself():
    """Lost: score, information, its spectrum, and one value per start."""
    data, design = trial()
    model = structure("ba/lam", design)
    found = maximise(data, model, starts=5)
    again = evaluate(found.theta, data, model)
    assert found.value == again.value
    assert np.abs(found.score).max() < 1e-6
    np.testing.assert_array_equal(found.information, -again.hessian)
    np.testing.assert_allclose(found.covariance @ found.information, np.eye(7), atol=1e-7)
    assert found.condition == pytest.approx(np.linalg.cond(found.information), rel=1e-4)
    assert len(found.values) == 5
    assert max(found.values) == pytest.approx(found.value, abs=1e-9)
    assert found.iterations < 20
    assert found.interior is None


def test_generator_decides_the_random_starts():
    """Lost: the same generator gives the same fit bit for bit."""
    data, design = trial()
    first, second = (maximise(data, structure("tba/both", design), rng=np.random.default_rng(3)) for _ in range(2))
    assert first.values == second.values
    np.testing.assert_array_equal(first.theta, second.theta)


def test_warm_starts_alone_and_nesting():
    """Lost: a larger model started from a smaller one never ends below it."""
    data, design = trial()
    small = maximise(data, structure("b/lam", design))
    large_model = structure("ba/lam", design)
    warm = np.concatenate([small.theta[:4], [0, 0], small.theta[4:]])
    large = maximise(data, large_model, starts=0, warm=[warm])
    assert large.value > small.value
    assert large.value == pytest.approx(maximise(data, large_model).value, abs=1e-9)
    assert len(large.values) == 1


@pytest.mark.parametrize("label", ["ta/phi", "ba/both"])
def test_time_unit_shifts_one_intercept(label):
    """Lost: with lambda = 1 or both scales free the fit does not depend on the unit of time."""
    data, design = trial()
    unit = 365.25
    years = maximise(data, structure(label, design))
    days = maximise(Observed(data.time * unit, data.event), structure(label, design))
    shift = np.zeros(len(years.theta))
    shift[0] = -np.log(unit)
    assert days.value + data.event.sum() * np.log(unit) == pytest.approx(years.value, abs=1e-7)
    np.testing.assert_allclose(days.theta, years.theta + shift, atol=2e-5)


def test_phi_one_depends_on_the_time_unit():
    """Lost: the criticism of the paper's default baseline that the notebook makes."""
    data, design = trial()
    years = maximise(data, structure("b/lam", design))
    days = maximise(Observed(data.time * 365.25, data.event), structure("b/lam", design))
    assert abs(days.value + data.event.sum() * np.log(365.25) - years.value) > 0.1


def test_rows_and_codings_do_not_matter():
    """Lost: row order, 1/2 for 0/1, the unit of a covariate, dummies in place of an intercept."""
    data, design = trial()
    plain = maximise(data, structure("ba/lam", design))
    order = np.random.default_rng(0).permutation(len(design))
    shuffled = maximise(Observed(data.time[order], data.event[order]), structure("ba/lam", design[order]))
    recoded = maximise(data, structure("ba/lam", design * [1, 1, 1000] + [0, 1, 0]))
    dummies = maximise(data, structure("ba/lam", np.column_stack([1 - design[:, 1], design[:, 1:]])))
    for other in (shuffled, recoded, dummies):
        assert other.value == pytest.approx(plain.value, abs=1e-8)
        assert other.converged
    np.testing.assert_allclose(shuffled.theta, plain.theta, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(recoded.theta[[1, 4]], plain.theta[[1, 4]], rtol=1e-5)
    np.testing.assert_allclose(recoded.theta[2] * 1000, plain.theta[2], rtol=1e-5)


def test_confounded_scales_are_called_singular():
    """Lost: at kappa = 1 phi and lambda cannot both be estimated, and the fit says so."""
    data, design = trial()
    found = maximise(data, structure("tb/both", design, nu=LOG2), starts=4)
    assert found.status == "singular"
    assert found.smallest_eigenvalue < 1e-2
    assert found.condition > 1e6


@pytest.mark.parametrize("status", ["kappa -> inf", "kappa -> -1"])
def test_drift_of_kappa_is_named(status):
    """Lost: the limiting members of the family are reported, not returned as estimates."""
    y = np.random.default_rng(4).exponential(size=400)
    if status == "kappa -> inf":  # Gompertz, H = 0.05 (e^t - 1)
        data = Observed(np.log1p(y / 0.05), np.ones(400))
    else:  # H = 1 - e^-t: 37 % cured, a lighter tail than any member's
        data = Observed(np.where(y < 1, -np.log1p(-np.minimum(y, 0.9999)), 9.0), y < 1)
    found = maximise(data, structure("0/both", np.ones((400, 1)), alpha=0.0))
    assert found.status == status
    assert not found.regular


def test_ridge_is_told_from_an_interior_optimum():
    """Lost: gamma -> inf, kappa -> 0 with no hazard before 1 / phi climbs without end."""
    rng = np.random.default_rng(0)
    time = (1 + rng.exponential(size=80) / 0.5) ** (1 / 1.2)  # H = 0.5 (t^1.2 - 1) after t = 1
    found = maximise(Observed(time, np.ones(80)), structure("0/both", np.ones((80, 1))))
    assert found.status in ("ridge", "gamma -> inf")
    assert found.theta[2] > 3
    assert found.interior is None or found.interior.regular


def test_large_data_are_tried_on_a_part_first(monkeypatch):
    """Lost: the sample finds the optimum of all rows, with fewer full passes."""
    data, design = trial(4000)
    model = structure("ba/lam", design)
    full = maximise(data, model)
    monkeypatch.setattr(starts, "THIN_ABOVE", 2000)
    monkeypatch.setattr(starts, "THIN_TO", 1000)
    thin = maximise(data, model)
    assert len(thin.values) < len(full.values) == 8
    assert thin.value == pytest.approx(full.value, abs=1e-8)
    np.testing.assert_allclose(thin.theta, full.theta, atol=1e-5)


def test_coordinates_centre_and_scale_but_reach_everything():
    """Lost: an invertible change of coordinates, so that estimates return to the caller's scale."""
    _, design = trial()
    model = structure("ba/lam", design)
    basis = coordinates(model)
    moved = design @ basis[:3, :3]
    np.testing.assert_allclose(moved[:, 1:].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(moved[:, 1:].std(axis=0), 1, rtol=1e-12)
    assert np.linalg.matrix_rank(basis) == 7
    for hold in range(7):
        held = coordinates(model, hold)
        assert held.shape == (7, 6)
        assert np.linalg.matrix_rank(held) == 6
        assert not held[hold].any()


def test_start_without_finite_value_is_no_climb():
    """Lost: impossible starts are left out, and a search with no other start explains itself."""
    data, design = trial()
    model = structure("b/lam", design)
    assert climb(data, model, coordinates(model), np.full(5, 1e3)) is None
    found = maximise(data, model, starts=1, warm=[np.full(5, 1e3)])
    assert np.isnan(found.values[1])
    with pytest.raises(ValueError, match="none of 1 starts has a finite log-likelihood"):
        maximise(data, model, starts=0, warm=[np.full(5, 1e3)])


def test_hopeless_requests_are_explained():
    """Lost: no events, no starts."""
    one = np.ones((3, 1))
    with pytest.raises(ValueError, match="none of the 3 rows has an event"):
        maximise(Observed(np.ones(3), np.zeros(3)), Model({"beta": one}))
    with pytest.raises(ValueError, match="starts = 0 and no warm start"):
        maximise(Observed(np.ones(3), np.ones(3)), Model({"beta": one}), starts=0)


@pytest.fixture
def mirror():
    """Return the folder of the survival data."""
    if not os.environ.get("REPLICATE_DATA"):
        pytest.skip("REPLICATE_DATA is not set")
    return Path(os.environ["REPLICATE_DATA"]) / "survival"


def dummies(column, *levels):
    return with_intercept(*[column == level for level in levels])


def real(name, folder):
    """Return times, events and the design of a data set of the reference fits, in their unit."""
    files = {"lung": "lung_ncctg", "vet_cell": "veteran", "bc": "bc_flexsurv"}
    frame = pd.read_csv(folder / f"{files.get(name, name)}.csv")
    if name == "e1684":
        return Observed(frame["FAILTIME"], frame["FAILCENS"]), with_intercept(frame["TRT"])
    if name == "lung":
        return Observed(frame["time"] / 365.25, frame["status"] == 2), dummies(frame["sex"], 2)
    if name == "bc":
        return Observed(frame["recyrs"], frame["censrec"]), dummies(frame["group"], "Medium", "Poor")
    if name == "gbsg":
        return Observed(frame["rfstime"] / 365.25, frame["status"]), with_intercept(frame["hormon"])
    levels = ("celltype", "smallcell", "adeno", "large") if name == "vet_cell" else ("trt", 2)
    return Observed(frame["time"] / 30.4375, frame["status"]), dummies(frame[levels[0]], *levels[1:])


@pytest.mark.data
@pytest.mark.parametrize("name", ["e1684", "lung", "veteran", "vet_cell", "bc", "gbsg"])
def test_reference_fits(mirror, name):
    """Lost: all regular fits of an independent implementation; where both scales are free, never below it."""
    data, design = real(name, mirror)
    fits = [fit for fit in json.loads((mirror / "reference_fits.json").read_text())["fits"] if fit["data"] == name]
    for fit in fits:
        found = maximise(data, structure(fit["model"], design))
        if not fit["regular"]:
            continue
        if fit["model"].endswith("both") and name != "e1684" and not found.regular:  # a ridge is higher
            assert found.value > fit["loglik"]
            found = found.interior
        free = [component for component in COMPONENTS if component != HELD[fit["model"].split("/")[1]]]
        assert found.regular, fit["model"]
        assert found.value == pytest.approx(fit["loglik"], abs=2e-5), fit["model"]
        assert found.smallest_eigenvalue == pytest.approx(fit["min_eig_information"], rel=1e-3)
        np.testing.assert_allclose(found.theta, np.concatenate([fit["coef"][c] for c in free]), atol=2e-5)
        np.testing.assert_allclose(found.standard_errors, np.concatenate([fit["se"][c] for c in free]), rtol=1e-3)


@pytest.mark.data
def test_authors_code_on_its_test_data(mirror):
    """Lost: C9, the published fits of the authors' code; SE from nlm's numerical Hessian."""
    frame = pd.read_csv(mirror / "apgw_protect_testdata.csv")
    data = Observed(frame["time"], frame["deceased"])
    null = maximise(data, structure("0/lam", np.ones((200, 1))))
    np.testing.assert_allclose(null.theta, [-0.6787658, 0.8371022, -0.1474001], atol=1e-5)
    np.testing.assert_allclose(null.standard_errors, [0.13993848, 0.09883253, 0.05645491], rtol=1e-3)
    assert null.value == pytest.approx(-367.1022, abs=1e-4)
    full = maximise(data, structure("b/lam", with_intercept(frame["tx"], frame["age"])))
    estimates = [-0.61243533, -0.09193421, 0.15705516, 0.83349349, -0.13842867]
    np.testing.assert_allclose(full.theta, estimates, atol=1e-5)
    errors = [0.18787749, 0.17646485, 0.07684773, 0.09926469, 0.05691890]
    np.testing.assert_allclose(full.standard_errors, errors, rtol=1e-3)
    assert full.value == pytest.approx(-364.7471, abs=1e-4)
    assert -2 * full.value + 5 * np.log(200) == pytest.approx(755.9859, abs=2e-4)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "label", "fixed", "expected"),
    [
        ("e1684", "b/lam", {"alpha": 0.0, "nu": LOG2}, -465.04746),
        ("e1684", "b/lam", {"nu": LOG2}, -414.72911),
        ("e1684", "ba/lam", {"nu": LOG2}, -414.70917),
        ("e1684", "t/phi", {"nu": 0.0}, -395.81648),
        ("e1684", "t/both", {"nu": 0.0}, -369.6053),
        ("lung", "ba/lam", {"nu": LOG2}, -173.4845),
        ("bc", "t/phi", {"nu": LOG2}, -811.9419),
        ("bc", "t/phi", {"nu": 0.0}, -799.0523),
    ],
)
def test_fixed_kappa_against_r(mirror, name, label, fixed, expected):
    """Lost: log-likelihoods of survreg, flexsurv and mpr for the special cases."""
    data, design = real(name, mirror)
    found = maximise(data, structure(label, design, **fixed))
    assert found.value == pytest.approx(expected, abs=1e-4)


@pytest.mark.data
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("b/lam", (-374.7972, -373.2132, -372.3269, -409.4603)),
        ("ba/lam", (-373.6155, -372.1199, -372.1036, -409.4195)),
        ("t/phi", (-372.1987,) * 4),
        ("b/both", (-369.8675,) * 4),
    ],
)
def test_time_unit_on_e1684(mirror, label, expected):
    """Lost: C10, the log-likelihoods in decades, years, months and days, converted back to years."""
    data, design = real("e1684", mirror)
    model, found = structure(label, design), []
    for unit in (0.1, 1.0, 12.0, 365.25):
        fit = maximise(Observed(data.time * unit, data.event), model)
        found.append(fit.value + data.event.sum() * np.log(unit))
    np.testing.assert_allclose(found, expected, atol=1e-3)
