"""Which parameters are trained: the paper's conditions as one declarative selection."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from replicate.errors import nearest

from .norms import norm_layers

ROLES = ("gamma", "beta", "output", "shortcut", "weight")
PER_FEATURE = 2  # gamma and beta; as many random weights per output channel have the same count

# condition -> the roles that are trained
CONDITIONS: dict[str, frozenset[str]] = {
    "all": frozenset(ROLES),
    "all_but_bn": frozenset({"output", "shortcut", "weight"}),
    "bn": frozenset({"gamma", "beta"}),
    "gamma": frozenset({"gamma"}),
    "beta": frozenset({"beta"}),
    "output": frozenset({"output"}),
    "shortcut": frozenset({"shortcut"}),
    "bn_output": frozenset({"gamma", "beta", "output"}),
    "bn_shortcut": frozenset({"gamma", "beta", "shortcut"}),
    "bn_shortcut_output": frozenset({"gamma", "beta", "shortcut", "output"}),
    "shortcut_output": frozenset({"shortcut", "output"}),
    "none": frozenset(),
}
MASKED = ("random_k", "random_global", "random_layer")  # some entries of convolution weights


@dataclass(frozen=True, eq=False)
class Selection:
    """What is trained of a model.

    Args:
        parameters: ``{name: parameter}`` with a gradient; all others have none.
        roles: ``{name: role}`` of every parameter, see `roles`.
        masks: ``{name: 0/1 tensor}`` of the parameters of which only some entries are trained.
    """

    parameters: dict[str, nn.Parameter]
    roles: dict[str, str]
    masks: dict[str, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many numbers are trained."""
        whole = sum(p.numel() for name, p in self.parameters.items() if name not in self.masks)
        return whole + sum(int(mask.sum()) for mask in self.masks.values())

    def sgd(
        self, *, lr: float, momentum: float, weight_decay: float, norm_decay: float | None = None
    ) -> torch.optim.SGD | None:
        """Return SGD (not Nesterov) over the selected parameters, or None where nothing is selected.

        ``norm_decay`` is the decay of gamma and beta, by default ``weight_decay`` as in the paper. Masked parameters
        have no decay of the optimiser's own: `mask_gradients` adds it before masking.
        """
        norm_decay = weight_decay if norm_decay is None else norm_decay
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.parameters.items():
            decay = norm_decay if self.roles[name] in ("gamma", "beta") else weight_decay
            groups.setdefault(0.0 if name in self.masks else decay, []).append(parameter)
        wanted = [{"params": parameters, "weight_decay": decay} for decay, parameters in groups.items()]
        return torch.optim.SGD(wanted, lr=lr, momentum=momentum) if wanted else None

    @torch.no_grad()
    def shrink_gamma(self, penalty: float) -> None:
        """Add the gradient of ``penalty * sum |gamma|`` (network slimming) to the trained gammas."""
        for name, parameter in self.parameters.items() if penalty else ():
            if self.roles[name] == "gamma":
                gradient(parameter).add_(parameter.sign(), alpha=penalty)

    @torch.no_grad()
    def mask_gradients(self, weight_decay: float) -> None:
        """Add the decay to the masked parameters' gradients and zero what is not trained; momentum then stays 0 too."""
        for name, mask in self.masks.items():
            parameter = self.parameters[name]
            gradient(parameter).add_(parameter, alpha=weight_decay).mul_(mask)


def gradient(parameter: Tensor) -> Tensor:
    """Return a parameter's gradient, ``RuntimeError`` before a backward pass."""
    if parameter.grad is None:
        raise RuntimeError("no gradient yet: call backward() before changing gradients")
    return parameter.grad


def trainable(
    model: nn.Module, condition: str, *, k: int = PER_FEATURE, generator: torch.Generator | None = None
) -> Selection:
    """Select what is trained, set ``requires_grad`` of every parameter accordingly, and return the selection.

    Args:
        model: any network with normalisation layers; its output layer is its last ``nn.Linear``, its shortcuts are the
            1 x 1 convolutions inside modules called "shortcut" or "downsample".
        condition: one of `CONDITIONS`; "random_k": ``k`` weights of each convolution output channel; "random_global":
            as many weights as gammas and betas, drawn from all convolutions; "random_layer": as many, all in the
            largest convolution.
        k: for "random_k".
        generator: CPU generator of the random ones.

    Raises:
        ValueError: an unknown condition (names the nearest), a random one without a generator, or more weights
            wanted than there are.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))
    >>> sorted(trainable(model, "bn").parameters)
    ['1.bias', '1.weight']
    >>> [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    ['1.weight', '1.bias']
    """
    if condition not in CONDITIONS and condition not in MASKED:
        raise ValueError(f"unknown condition {condition!r}; {nearest(condition, [*CONDITIONS, *MASKED])}")
    masks = {}
    if condition in MASKED:
        if generator is None:
            raise ValueError(f"condition {condition!r} draws at random: pass generator=torch.Generator()")
        masks = _MASKS[condition](model, k, generator)
    wanted = CONDITIONS.get(condition, frozenset())
    by_role = roles(model)
    chosen = {name for name, role in by_role.items() if role in wanted} | masks.keys()
    parameters = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
        if name in chosen:
            parameters[name] = parameter
    return Selection(parameters, by_role, {name: mask.to(parameters[name].device) for name, mask in masks.items()})


def roles(model: nn.Module) -> dict[str, str]:
    """Return ``{parameter name: role}``: "gamma", "beta", "output", "shortcut", or "weight" for the rest."""
    norms = norm_layers(model)
    linear = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    found = {}
    for name, _ in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        inside = layer.split(".")[:-1]
        if layer in norms:
            found[name] = "gamma" if kind == "weight" else "beta"
        elif linear and layer == linear[-1]:
            found[name] = "output"
        elif "shortcut" in inside or "downsample" in inside:
            found[name] = "shortcut"
        else:
            found[name] = "weight"
    return found


def count(model: nn.Module, wanted: Iterable[str] = ROLES) -> int:
    """Return how many parameters have one of the roles; works on the meta device."""
    wanted, by_role = set(wanted), roles(model)
    return sum(p.numel() for name, p in model.named_parameters() if by_role[name] in wanted)


def _convolutions(model: nn.Module) -> dict[str, Tensor]:
    return {f"{n}.weight": m.weight for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}


def _per_channel(model: nn.Module, k: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Mark ``k`` weights of each output channel, uniformly and without replacement."""
    masks = {}
    for name, weight in _convolutions(model).items():
        fan_in = weight[0].numel()
        if k > fan_in:
            raise ValueError(f"k = {k} weights per channel, but a channel of {name} has only {fan_in}: take fewer")
        ranks = torch.rand(len(weight), fan_in, generator=generator).argsort(1).argsort(1)
        masks[name] = (ranks < k).to(weight.dtype).view_as(weight)
    return masks


def _everywhere(model: nn.Module, k: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Mark as many weights as there are gammas and betas, uniformly over all convolutions."""
    return _marked(model, _convolutions(model), generator)


def _one_layer(model: nn.Module, k: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Mark as many weights as there are gammas and betas, all in the largest convolution (the first of equals)."""
    layers = _convolutions(model)
    largest = max(layers, key=lambda name: layers[name].numel())
    return _marked(model, {largest: layers[largest]}, generator)


def _marked(model: nn.Module, layers: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    wanted, total = count(model, ("gamma", "beta")), sum(w.numel() for w in layers.values())
    if wanted > total:
        raise ValueError(f"{wanted} weights wanted, but {', '.join(layers)} have only {total}")
    flat = torch.zeros(total)
    flat[torch.randperm(total, generator=generator)[:wanted]] = 1
    parts = flat.split([w.numel() for w in layers.values()])
    return {name: part.view_as(w).to(w.dtype) for (name, w), part in zip(layers.items(), parts, strict=True)}


_MASKS = {"random_k": _per_channel, "random_global": _everywhere, "random_layer": _one_layer}


@torch.no_grad()
def disable_features(model: nn.Module, selection: Selection, share: float, generator: torch.Generator) -> Selection:
    """Switch off a share of the channels of every norm for good: gamma = beta = 0, not trained; return the selection.

    In a norm of ``c`` channels ``round(share * c)`` are drawn without replacement, from the CPU ``generator``.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of disabled features is {share}; it must lie in [0, 1]")
    masks = dict(selection.masks)
    for name, layer in norm_layers(model).items():
        channels = len(layer.weight)
        off = torch.randperm(channels, generator=generator)[: round(share * channels)]
        for kind, parameter in (("weight", layer.weight), ("bias", layer.bias)):
            mask = torch.ones(channels)
            mask[off] = 0
            parameter.mul_(mask.to(parameter.device))
            if f"{name}.{kind}" in selection.parameters:
                masks[f"{name}.{kind}"] = mask.to(parameter.device)
    return Selection(selection.parameters, selection.roles, masks)
