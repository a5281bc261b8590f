"""The language-model loss: values, gradients, memory, precision, errors."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from replicate.papers.tempnet import robust_loss as module
from replicate.papers.tempnet.robust_loss import robust_cross_entropy, tempered_cross_entropy

TOKENS, V, RHO = 12, 9, 1.1


def _problem(dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(TOKENS, V, generator=g, dtype=torch.float64)
    tau = 0.2 + 2 * torch.rand(TOKENS, generator=g, dtype=torch.float64)
    return logits.to(dtype), torch.randint(V, (TOKENS,), generator=g), tau.to(dtype)


def _by_definition(logits, labels, tau, rho):
    scaled = F.cross_entropy(logits / tau[:, None], labels, reduction="none")
    return tau * scaled + (rho - math.log(logits.shape[1])) * tau


def test_values_and_gradients_against_the_definition():
    """The fused loss against tau CE(z / tau, y) + (rho - log V) tau differentiated by PyTorch."""
    logits, labels, tau = _problem()
    found = []
    for loss in (
        lambda z, t: robust_cross_entropy(z, labels, t, RHO),
        lambda z, t: _by_definition(z, labels, t, RHO).mean(),
    ):
        z, t = logits.clone().requires_grad_(), tau.clone().requires_grad_()
        value = loss(z, t)
        found.append((value, *torch.autograd.grad(value, (z, t))))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_gradients_against_finite_differences():
    """Both gradients by gradcheck, with weights on the tokens."""
    logits, labels, tau = _problem()
    weights = torch.arange(1.0, TOKENS + 1, dtype=torch.float64)

    def loss(z, t):
        return robust_cross_entropy(z, labels, t, RHO, reduction="none") * weights

    assert torch.autograd.gradcheck(loss, (logits.requires_grad_(), tau.requires_grad_()))


def test_tempered_likelihood_against_finite_differences_and_pytorch():
    """CE(z / tau, y), the ablation's TempNet without DRO."""
    logits, labels, tau = _problem()
    expected = F.cross_entropy(logits / tau[:, None], labels)
    assert tempered_cross_entropy(logits, labels, tau).item() == pytest.approx(expected.item(), rel=1e-12)
    assert torch.autograd.gradcheck(
        lambda z, t: tempered_cross_entropy(z, labels, t, reduction="none"),
        (logits.requires_grad_(), tau.requires_grad_()),
    )


def test_no_label_enters_the_gradient_in_tau():
    """Two permutations of the labels give identical gradients: TempNet on a frozen model learns nothing about them."""
    logits, labels, tau = _problem()
    gradients = []
    for y in (labels, labels.flip(0), (labels + 1) % V):
        t = tau.clone().requires_grad_()
        gradients.append(torch.autograd.grad(robust_cross_entropy(logits, y, t, RHO), t)[0])
    assert torch.equal(gradients[0], gradients[1])
    assert torch.equal(gradients[0], gradients[2])


def test_at_tau_one_it_is_cross_entropy_shifted():
    """Value CE + rho - log V, and exactly CE's gradient for the model."""
    logits, labels, _ = _problem()
    z = logits.clone().requires_grad_()
    value = robust_cross_entropy(z, labels, 1.0, RHO)
    assert value.item() == pytest.approx(F.cross_entropy(logits, labels).item() + RHO - math.log(V), rel=1e-12)
    (ours,) = torch.autograd.grad(value, z)
    w = logits.clone().requires_grad_()
    (theirs,) = torch.autograd.grad(F.cross_entropy(w, labels), w)
    assert torch.allclose(ours, theirs, atol=1e-15)


def test_ignored_tokens_count_neither_in_sum_nor_in_mean():
    """The reference implementation ignores the mask here."""
    logits, labels, tau = _problem()
    masked = labels.clone()
    masked[::3] = -100
    kept = masked >= 0
    z, t = logits.clone().requires_grad_(), tau.clone().requires_grad_()
    value = robust_cross_entropy(z, masked, t, RHO)
    assert value.item() == pytest.approx(_by_definition(logits[kept], labels[kept], tau[kept], RHO).mean().item())
    value.backward()
    assert (z.grad[~kept] == 0).all()
    assert (t.grad[~kept] == 0).all()
    assert tempered_cross_entropy(logits, masked, tau).item() == pytest.approx(
        F.cross_entropy(logits[kept] / tau[kept, None], labels[kept]).item()
    )


def test_parts_do_not_show(monkeypatch):
    """Rows are worked through in parts; neither value nor gradients may depend on them."""
    logits, labels, tau = _problem()
    results = []
    for size in (module._CHUNK, 2 * V):
        monkeypatch.setattr(module, "_CHUNK", size)
        z, t = logits.clone().requires_grad_(), tau.clone().requires_grad_()
        value = robust_cross_entropy(z, labels, t, RHO)
        results.append((value, *torch.autograd.grad(value, (z, t))))
    assert all(torch.allclose(a, b, rtol=1e-14) for a, b in zip(*results, strict=True))


class _LargeArrays(TorchDispatchMode):
    """Count fresh arrays of at least a given number of elements."""

    def __init__(self, least):
        super().__init__()
        self.least, self.storages = least, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else [out]:
            if isinstance(value, torch.Tensor) and value.numel() >= self.least:
                self.storages.add(value.untyped_storage().data_ptr())
        return out


def test_no_more_than_one_extra_array_of_the_logits_size(monkeypatch):
    """Forward none, backward the gradient itself: at a vocabulary of 50 000 each further one counts."""
    tokens, vocabulary = 64, 1000
    monkeypatch.setattr(module, "_CHUNK", 8 * vocabulary)
    logits = torch.randn(tokens, vocabulary, requires_grad=True)
    labels, tau = torch.zeros(tokens, dtype=torch.int64), torch.ones(tokens, requires_grad=True)
    mine = logits.untyped_storage().data_ptr()
    with _LargeArrays(tokens * vocabulary) as seen:
        loss = robust_cross_entropy(logits, labels, tau, 3.0)
        assert not seen.storages - {mine}
        loss.backward()
    assert len(seen.storages - {mine}) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_and_temperatures(dtype):
    """|logits| of 1e4 at tau of 0.01: finite values and gradients, in half precision too."""
    logits = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0], [-1e4, 1e4, 9.9e3]]).to(dtype).requires_grad_()
    tau = torch.full((3,), 0.01, requires_grad=True)
    value = robust_cross_entropy(logits, torch.tensor([1, 2, 1]), tau, 0.5, reduction="none")
    assert value.dtype == torch.float32
    assert value[0].item() == pytest.approx((logits[0, 0] - logits[0, 1]).item(), rel=1e-3)
    value.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.dtype == dtype
    assert torch.isfinite(tau.grad).all()


def test_bfloat16_against_float64():
    """Only the rounding of the logits is left: sums are float32."""
    logits, labels, tau = _problem()
    rounded = logits.to(torch.bfloat16)
    half = robust_cross_entropy(rounded, labels, tau.float(), RHO)
    assert half.item() == pytest.approx(robust_cross_entropy(rounded.double(), labels, tau, RHO).item(), rel=1e-5)


def test_twice_backward_works():
    """Nothing is consumed: a graph may be kept."""
    logits, labels, tau = _problem()
    z = logits.requires_grad_()
    value = robust_cross_entropy(z, labels, tau, RHO)
    first = torch.autograd.grad(value, z, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(value, z)[0])


def test_nan_logits_are_refused():
    """With a hint at what to look for."""
    logits, labels, tau = _problem()
    logits[5, 1] = math.nan
    with pytest.raises(ValueError, match=r"1 of 12 rows hold NaN, the first is row 5; look for a diverged training"):
        robust_cross_entropy(logits, labels, tau, RHO)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rho": 3.0}, r"rho is 3; with 9 candidates it must lie strictly between 0 and log 9"),
        ({"targets": torch.zeros(4, dtype=torch.int64)}, r"logits \(12, 9\) need targets \(12,\), got \(4,\)"),
        ({"reduction": "average"}, "reduction is 'average'; choose 'mean', 'sum' or 'none'"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    """Each says what was found and what is allowed."""
    logits, labels, tau = _problem()
    arguments = {"logits": logits, "targets": labels, "tau": tau, "rho": RHO, **change}
    with pytest.raises(ValueError, match=message):
        robust_cross_entropy(**arguments)
