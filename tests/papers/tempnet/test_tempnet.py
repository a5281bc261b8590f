"""TempNet: range, counts, invariances, what it does not do to the model, errors."""

import pytest
import torch
from torch import nn

from replicate.papers.tempnet import ContrastiveTempNet, TempNet, robust_cross_entropy


def _net(**options):
    return TempNet(50, generator=torch.Generator().manual_seed(0), **options)


def _logits(rows=40, seed=1):
    return 3 * torch.randn(rows, 50, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("vocabulary", "parameters"), [(32000, 8_258_306), (50304, 12_944_130)])
def test_parameter_count_against_the_authors_code(vocabulary, parameters):
    """256 V + 66 306."""
    with torch.device("meta"):
        net = TempNet(vocabulary)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_contrastive_parameter_count_against_the_authors_code():
    """131 586 a modality."""
    assert sum(p.numel() for p in ContrastiveTempNet(256).parameters()) == 131_586


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [0.0, 1e-6, 1.0, 6e4])
def test_range_holds_for_any_input(dtype, value):
    """Zero rows, huge rows, half precision, training or not."""
    for net in (_net(tau_min=0.5, tau_max=5.0), _net(tau_min=0.5, tau_max=5.0).eval()):
        tau = net((value * _logits().sign()).to(dtype))
        assert tau.dtype == torch.float32
        assert ((tau >= 0.5) & (tau <= 5.0)).all()


@pytest.mark.parametrize("equivariant", [False, True])
def test_autocast_leaves_temperatures_in_float32(equivariant):
    """Training in bfloat16: the product with the logits may be rounded, tau may not."""
    net = _net(equivariant=equivariant).eval()
    expected = net(_logits())
    with torch.autocast("cpu", torch.bfloat16):
        tau = net(_logits().to(torch.bfloat16))
    assert tau.dtype == torch.float32
    assert torch.allclose(tau, expected, rtol=0.01)
    contrastive = ContrastiveTempNet(16).eval()
    with torch.autocast("cpu", torch.bfloat16):
        assert contrastive(torch.randn(4, 16)).dtype == torch.float32


def test_million_sized_logits():
    """Beyond half precision's range."""
    tau = _net(tau_min=0.01, tau_max=2.0).eval()(1e6 * _logits())
    assert torch.isfinite(tau).all()


@pytest.mark.parametrize(("low", "high", "middle"), [(0.5, 5.0, 2.75), (0.01, 2.0, 1.005), (0.01, 1.2, 0.605)])
def test_constant_projection_gives_the_middle(low, high, middle):
    """The pooling subtracts the uniform distribution."""
    net = _net(tau_min=low, tau_max=high).eval()
    nn.init.zeros_(net.projection.weight)
    nn.init.constant_(net.projection.bias, 7.0)
    assert net(_logits()).tolist() == pytest.approx([middle] * 40, rel=1e-6)


def test_contrastive_starts_near_the_middle():
    """As the authors' does: 0.0275 for [0.005, 0.05]."""
    net = ContrastiveTempNet(64, generator=torch.Generator().manual_seed(0)).eval()
    tau = net(torch.randn(100, 64, generator=torch.Generator().manual_seed(1)))
    assert tau.mean().item() == pytest.approx(0.0275, abs=0.005)


def test_evaluation_is_deterministic_and_training_is_not():
    """Forgetting .eval() makes temperatures noisy."""
    net = _net()
    assert not torch.equal(net(_logits()), net(_logits()))
    net.eval()
    assert torch.equal(net(_logits()), net(_logits()))


def test_own_generator_makes_dropout_repeatable():
    """Nothing global: the same generator state, the same mask."""
    found = []
    for _ in range(2):
        net = _net()
        net.generator = torch.Generator().manual_seed(5)
        found.append(net(_logits()))
    assert torch.equal(*found)


@pytest.mark.parametrize("equivariant", [False, True])
def test_no_gradient_reaches_the_model(equivariant):
    """The model learns from the loss at this temperature, never through it."""
    logits = _logits().requires_grad_()
    net = _net(equivariant=equivariant)
    net(logits).sum().backward()
    assert logits.grad is None
    assert all(p.grad is not None for p in net.parameters())


def test_plain_form_ignores_scale_and_is_moved_by_shifts():
    """A mismatch with tau*, which scales with the logits and ignores shifts: documented, and asserted here."""
    net = _net().eval()
    for parameter in net.parameters():
        parameter.data *= 4  # as after some training: an untrained net says the same for every row
    tau = net(_logits())
    assert torch.allclose(net(7 * _logits()), tau, atol=1e-4)
    assert (net(_logits() + 5) - tau).abs().max() > 1e-3


def test_equivariant_form_scales_and_ignores_shifts():
    """tau(c z + b) = c tau(z), as tau*."""
    net = _net(equivariant=True, tau_min=0.05, tau_max=1.5).eval()
    tau = net(_logits())
    assert torch.allclose(net(7 * _logits() - 3), 7 * tau, rtol=1e-4)
    ratio = tau / _logits().std(1, correction=0)
    assert ((ratio >= 0.05) & (ratio <= 1.5)).all()


def test_normalised_product_against_normalising_first():
    """W x / |x| instead of W (x / |x|): no copy of the logits, the same number."""
    net = _net().eval()
    x = _logits()
    expected = net.transformation(x / x.norm(dim=-1, keepdim=True))
    assert torch.allclose(net._transformed(x), expected, atol=1e-6)


def test_thinned_learning_has_the_same_temperatures_and_mean_gradient():
    """Every row gets its tau; over the k possible choices the first layer's gradient averages to the whole one."""
    x = _logits()
    whole = _net(dropout=0.0)
    thin = _net(dropout=0.0, learn_every=4)
    thin.generator = torch.Generator().manual_seed(0)
    whole(x).sum().backward()
    chosen, gradients = {}, []
    for _ in range(60):
        thin.zero_grad()
        tau = thin(x)
        assert torch.allclose(tau, whole(x), atol=1e-6)
        tau.sum().backward()
        gradient = thin.transformation.weight.grad
        chosen[round(gradient.sum().item(), 8)] = gradient.clone()
    gradients = list(chosen.values())
    assert len(gradients) == 4
    expected = whole.transformation.weight.grad
    assert torch.allclose(torch.stack(gradients).mean(0), expected, atol=1e-6 * expected.abs().max().item() + 1e-9)
    assert torch.allclose(thin.projection.weight.grad, whole.projection.weight.grad, atol=1e-6)


def test_it_is_a_drop_in_after_any_model():
    """Any leading shape, and training drives rows to the target entropy."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Linear(8, 50)
    nn.init.normal_(model.weight, generator=generator)
    nn.init.zeros_(model.bias)  # not of the global stream, which other tests move
    net = TempNet(50, hidden=64, dropout=0.0, tau_min=0.01, tau_max=2.0, generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    x, y = torch.randn(3, 20, 8, generator=generator), torch.randint(50, (3, 20), generator=generator)
    logits = model(x).detach()
    rho = 2.0
    gaps = []
    for _ in range(150):
        tau = net(logits)
        assert tau.shape == (3, 20)
        loss = robust_cross_entropy(logits, y, tau, rho)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        p = torch.softmax(logits / tau.detach()[..., None], -1)
        gaps.append(abs(float((p * (50 * p).log()).sum(-1).mean()) - rho))
    assert gaps[-1] < 0.3 * gaps[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TempNet(50, tau_min=2.0, tau_max=1.0), r"tau_min is 2 and tau_max 1; need 0 < tau_min < tau_max"),
        (lambda: TempNet(50, tau_min=0.0), "need 0 < tau_min < tau_max"),
        (lambda: ContrastiveTempNet(8, tau_min=0.1, tau_max=0.1), "need 0 < tau_min < tau_max"),
        (lambda: TempNet(1), "vocab_size is 1; a temperature needs at least 2 logits"),
        (lambda: TempNet(50, learn_every=0), "learn_every is 0; give 1"),
        (lambda: TempNet(50, dropout=1.0), r"dropout is 1; it must lie in \[0, 1\)"),
        (lambda: TempNet(50)(torch.zeros(2, 49)), "reads rows of 50 logits, got rows of 49"),
        (lambda: ContrastiveTempNet(8)(torch.zeros(2, 9)), "reads embeddings of 8 numbers, got 9"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    """Each says what was found and what is allowed."""
    with pytest.raises(ValueError, match=message):
        call()
