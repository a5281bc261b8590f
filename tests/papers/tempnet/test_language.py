"""The language model, its trainings and what evaluations say; on tiny models, by orderings and exact repeats."""

import math

import pytest
import scipy.stats
import torch
from torch.nn import functional as F

from replicate.datasets import load_kjv
from replicate.papers.tempnet import TempNet, exact_temperature, rho_for_entropy
from replicate.papers.tempnet.corpora import Corpus, Vocabulary
from replicate.papers.tempnet.descent import warm_cosine
from replicate.papers.tempnet.frozen import answer_ranks
from replicate.papers.tempnet.language import LanguageTrial, evaluation_rows, fit_on_frozen, predicted
from replicate.papers.tempnet.language_model import LanguageModel
from replicate.papers.tempnet.lm_evaluation import (
    best_global_temperature,
    calibration_error,
    entropy,
    negative_log_likelihood,
    rank_correlation,
)
from replicate.papers.tempnet.lm_training import Objective, train_on_frozen
from replicate.seeds import Seed

TINY = {
    **{"text": "help topics", "text_hash": "", "unit": "characters", "vocabulary": 0},
    **{"precision": "fp32", "checkpoint_every": 0},
    **{"width": 16, "depth": 1, "heads": 2, "context": 16, "batch": 8, "steps": 30, "rate": 3e-3},
    **{"target": 1.5, "tau_min": 0.2, "tau_max": 3.0, "tempnet_rate": 1e-3, "windows": 40, "skip": 4},
    **{"frozen_steps": 150, "frozen_batch": 128, "frozen_rate": 2e-2, "frozen_windows": 60, "equivariant": False},
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Trained models are kept on disk: not among the user's."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))


def _trial(method="DRO + TempNet", **changes):
    return LanguageTrial({**TINY, "method": method, **changes}, Seed(0, 0))


def _trained(method, **changes):
    trial = _trial(method, **changes)
    model, tempnet = trial.model(), trial.tempnet() if trial.objective.has_tempnet else None
    curve = trial.train(model, tempnet, trial.corpus.train, purpose="pretraining")
    return trial, model, tempnet, curve


def _value(rows, metric, evaluation):
    (found,) = [r["value"] for r in rows if r["metric"] == metric and r["evaluation"] == evaluation]
    return found


def test_model_reads_only_the_past():
    """Changing a later token may not change an earlier prediction."""
    model = LanguageModel(20, width=16, depth=2, heads=2, context=12, generator=torch.Generator().manual_seed(0)).eval()
    tokens = torch.randint(20, (3, 12))
    changed = tokens.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 20
    a, b = model(tokens), model(changed)
    assert torch.allclose(a[:, :7], b[:, :7], atol=1e-6)
    assert not torch.allclose(a[:, 7:], b[:, 7:])


def test_model_has_gpt2_smalls_size():
    """124 million parameters with a tied head; untied they are 38.6 million more (50 257 x 768), without its bias."""
    with torch.device("meta"):
        model = LanguageModel(50257, width=768, depth=12, heads=12, context=1024)
    assert sum(p.numel() for p in model.parameters()) == 124_439_808 + 50257 * 768


def test_too_many_tokens_are_refused():
    """Positions are learnt."""
    model = LanguageModel(5, width=8, depth=1, heads=1, context=4)
    with pytest.raises(ValueError, match="5 tokens in a row; this model reads at most 4"):
        model(torch.zeros(1, 5, dtype=torch.int64))


def test_schedule():
    """Rises to 1, falls to a tenth."""
    factor = warm_cosine(100, warm_up=10)
    assert factor(0) == pytest.approx(0.1)
    assert factor(9) == factor(10) == 1.0
    assert factor(55) == pytest.approx(0.55)
    assert factor(99) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("method", ["CE", "DRO", "TempNet", "DRO + TempNet"])
def test_every_objective_trains(method):
    """All four fall below a uniform guess and evaluate at every temperature."""
    trial, model, tempnet, curve = _trained(method)
    rows = trial.evaluate(model, tempnet)
    assert _value(rows, "NLL", "1") < math.log(len(trial.vocabulary)) - 0.3
    evaluations = {r["evaluation"] for r in rows}
    assert ("TempNet" in evaluations) == trial.objective.has_tempnet
    assert {"1", "global", "exact"} <= evaluations
    assert {r["metric"] for r in curve.rows} == {"training loss", "mean tau", "mean |KL - rho|"}


@pytest.mark.parametrize("method", ["CE", "DRO", "DRO + TempNet"])
def test_bfloat16_training_stays_close(method):
    """Autocast around forward pass and loss, emulated on a CPU: the preset paper's precision."""
    scores = {}
    for precision in ("fp32", "bf16"):
        trial, model, tempnet, _ = _trained(method, precision=precision)
        scores[precision] = _value(trial.evaluate(model, tempnet), "NLL", "1")
    assert scores["bf16"] == pytest.approx(scores["fp32"], abs=0.05)
    assert scores["bf16"] != scores["fp32"]


def test_methods_share_start_weights_and_batches():
    """Paired differences rest on it: at the first step all see the same logits."""
    logits = []
    for method in ("CE", "DRO + TempNet"):
        trial = _trial(method)
        model = trial.model()
        assert torch.equal(model.head.weight, _trial("DRO").model().head.weight)
        logits.append(model(torch.zeros(1, 3, dtype=torch.int64)))
    assert torch.equal(*logits)


def test_same_seed_same_numbers_and_another_differs():
    """Dropout, too, draws from a stream of the seed."""
    results = []
    for seed in (0, 0, 1):
        trial = LanguageTrial({**TINY, "method": "DRO + TempNet"}, Seed(0, seed))
        model, tempnet = trial.model(), trial.tempnet()
        trial.train(model, tempnet, trial.corpus.train, purpose="pretraining")
        results.append([r["value"] for r in trial.evaluate(model, tempnet)])
    assert results[0] == results[1]
    assert results[0] != results[2]


class _Killed(Exception):
    pass


def test_killed_training_goes_on_bit_for_bit(monkeypatch):
    """Model, TempNet, optimisers and generators are all in the checkpoint."""
    _, whole, net, _ = _trained("DRO + TempNet", checkpoint_every=0)
    from replicate.papers.tempnet import lm_training

    original, calls = lm_training.random_windows, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 18:
            raise _Killed
        return original(*args)

    monkeypatch.setattr(lm_training, "random_windows", dies)
    with pytest.raises(_Killed):
        _trained("DRO + TempNet", checkpoint_every=5)
    _, resumed, resumed_net, _ = _trained("DRO + TempNet", checkpoint_every=5)
    assert len(calls) == 18 + 15  # went on after step 15 of 30
    pairs = [*zip(whole.parameters(), resumed.parameters(), strict=True)]
    pairs += zip(net.parameters(), resumed_net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_trained_model_is_taken_up_again(monkeypatch):
    """The frozen studies share one model a seed."""
    first, _ = _trial().pretrained()
    monkeypatch.setattr(LanguageTrial, "train", None)
    again, _ = _trial(target=2.0).pretrained()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_frozen_model_stays():
    """Only TempNet learns."""
    trial = _trial()
    model, _ = trial.pretrained()
    before = [p.clone() for p in model.parameters()]
    fit_on_frozen(trial, model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def _rows_of_many_shapes(rows=2000, n=30):
    """Logits with 1 to 20 plausible candidates: entropies from 0.3 to 3.1."""
    g = torch.Generator().manual_seed(0)
    plausible = torch.arange(n) < torch.randint(1, 21, (rows, 1), generator=g)
    return 5 * plausible + 0.5 * torch.randn(rows, n, generator=g)


def test_tempnet_equalises_entropies_and_has_the_sign_of_the_exact_optimum():
    """Peaked rows are heated, flat ones cooled, all towards one entropy; the labels, drawn at random, do not matter."""
    logits = _rows_of_many_shapes()
    target = 1.8
    objective = Objective("DRO + TempNet", rho_for_entropy(30, target), 0.1, 4.0)
    tempnet = TempNet(30, hidden=64, tau_min=0.1, tau_max=4.0, generator=torch.Generator().manual_seed(0))
    settings = {"steps": 200, "batch": 128, "rate": 2e-2}
    labels = torch.randint(30, (len(logits),), generator=torch.Generator().manual_seed(1))
    train_on_frozen(tempnet, logits, labels, objective, settings, torch.Generator().manual_seed(2))
    tau = predicted(tempnet, logits)
    before, after = entropy(logits), entropy(logits, tau)
    assert after.std() < 0.7 * before.std()
    assert abs(after.mean() - target) < 0.3
    assert rank_correlation(tau, before) < -0.8
    assert rank_correlation(tau, exact_temperature(logits, objective.rho, tau_min=0.1, tau_max=4.0)) > 0.8


def test_no_temperature_changes_the_top_prediction():
    """Greedy decoding and accuracy are the same for every tau(x)."""
    logits = torch.randn(200, 30, generator=torch.Generator().manual_seed(0))
    tau = 0.1 + 3 * torch.rand(200, generator=torch.Generator().manual_seed(1))
    assert torch.equal((logits / tau[:, None]).argmax(1), logits.argmax(1))


def test_summed_likelihoods_are_ranked_and_bounded():
    """Shares of right answers; the same questions for both temperatures."""
    trial = _trial()
    model, _ = trial.pretrained()
    tempnet, _ = fit_on_frozen(trial, model)
    rows = answer_ranks(trial, model, tempnet, choices=4, questions=30)
    assert {r["evaluation"] for r in rows} == {"1", "TempNet"}
    assert all(0 <= r["value"] <= 1 and r["n"] == 30 for r in rows)


def test_likelihood_against_pytorch():
    """At one temperature and at one a row."""
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 7
    tau = 0.5 + torch.rand(50, generator=torch.Generator().manual_seed(1))
    for t, scaled in ((0.7, logits / 0.7), (tau, logits / tau[:, None])):
        found = negative_log_likelihood(logits, labels, t)
        assert torch.allclose(found, F.cross_entropy(scaled, labels, reduction="none"), atol=1e-6)


def test_best_global_temperature_undoes_a_known_scale():
    """Labels drawn from softmax(z), logits multiplied by 3: the best temperature is about 3."""
    g = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 10, generator=g)
    labels = torch.multinomial(torch.softmax(logits, 1), 1, generator=g)[:, 0]
    assert best_global_temperature(3 * logits, labels) == pytest.approx(3, rel=0.07)


def test_calibration_error_of_known_cases():
    """Zero where confidence is right; the gap where it is not."""
    always = torch.tensor([[20.0, 0.0]]).expand(100, 2)
    assert calibration_error(always, torch.zeros(100, dtype=torch.int64), 1.0) == pytest.approx(0, abs=1e-6)
    half = torch.arange(100) % 2
    assert calibration_error(always, half, 1.0) == pytest.approx(0.5, abs=1e-6)
    assert calibration_error(0 * always, half, 1.0) == pytest.approx(0, abs=1e-6)


def test_entropy_and_rank_correlation():
    """Uniform rows have log n; a constant temperature has no ranks."""
    assert entropy(torch.zeros(2, 8)).tolist() == pytest.approx([math.log(8)] * 2)
    x = torch.arange(10.0)
    assert rank_correlation(x, x**3) == pytest.approx(1)
    assert rank_correlation(x, -x) == pytest.approx(-1)
    assert rank_correlation(torch.ones(10), x) == 0


def test_rank_correlation_is_scipys_with_ties():
    """Ties get their mean rank."""
    a, b = torch.randint(8, (2, 500), generator=torch.Generator().manual_seed(0)).float()
    assert rank_correlation(a, a + b) == pytest.approx(scipy.stats.spearmanr(a, a + b).statistic, abs=1e-12)


def test_pairs_train_and_score_by_token_and_by_character():
    """The preset paper's tokens: a token's likelihood over the characters in it, on its own text and on another."""
    changes = {"unit": "bpe", "vocabulary": 400, "target": 3.0, "steps": 10}
    trial, model, tempnet, _ = _trained("DRO + TempNet", **changes)
    assert _value(trial.evaluate(model, tempnet), "NLL per character", "1") > 0
    text = load_kjv()[:100_000].encode("ascii", "ignore").decode()  # a character is a byte
    other = Corpus.split(text, vocabulary=trial.vocabulary)
    rows = trial.evaluate(model, tempnet, other)
    _, targets = trial.logits(model, other.validation)
    per_token = len(targets) / len("".join(trial.vocabulary.decode(targets)))
    for evaluation in ("1", "global", "TempNet", "exact"):
        by_character = _value(rows, "NLL per character", evaluation)
        assert by_character == pytest.approx(_value(rows, "NLL", evaluation) * per_token)
    assert trial.objective.rho == pytest.approx(math.log(400) - 3)


def test_a_models_bytes_are_compared_by_character():
    """Two bytes of an e with an accent are one character; with characters there is nothing to convert."""
    vocabulary = Vocabulary.of("", "bytes")
    rows = evaluation_rows(torch.zeros(3, 256), vocabulary.encode("aé"), {"1": 1.0}, vocabulary.lengths)
    assert _value(rows, "NLL per character", "1") == pytest.approx(1.5 * math.log(256))
    plain = evaluation_rows(torch.zeros(2, 2), torch.tensor([0, 1]), {"1": 1.0}, Vocabulary.of("ab").lengths)
    assert "NLL per character" not in {row["metric"] for row in plain}


def test_evaluations_are_kept_apart():
    """One row a metric and temperature; accuracy once, for all."""
    logits, labels = torch.randn(60, 9), torch.arange(60) % 9
    rows = evaluation_rows(logits, labels, {"1": 1.0, "TempNet": torch.rand(60) + 0.5, "exact": torch.rand(60) + 0.5})
    keys = [(r["metric"], r["evaluation"]) for r in rows]
    assert len(keys) == len(set(keys))
    assert ("accuracy", "any") in keys
    assert ("NLL", "TempNet") in keys


def test_prediction_is_in_evaluation_mode():
    """Dropout may not make an evaluation noisy."""
    trial = _trial()
    tempnet, logits = trial.tempnet(), torch.randn(20, len(trial.vocabulary))
    tempnet.train()
    assert torch.equal(predicted(tempnet, logits), predicted(tempnet, logits))


def test_unknown_method_names_the_nearest():
    """A misspelt method would otherwise train cross-entropy."""
    with pytest.raises(ValueError, match="unknown method 'DR0'; did you mean 'DRO'"):
        _ = _trial("DR0").objective
