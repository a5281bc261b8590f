"""Contrastive learning of images alone: two views of an image are each other's positive (SogCLR's first setting).

Not in the paper's tables; its losses are defined for it, and the authors' earlier work (iSogCLR) reports it. Candidates
of an anchor are all other images of the batch in both views. Learned features are scored by a linear probe.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.datasets.cifar10 import CANONICAL, JPEG, load_cifar10
from replicate.datasets.mnist import load_mnist
from replicate.errors import UserError, nearest
from replicate.precision import autocast
from replicate.seeds import Seed

from .contrastive import MovingAverage, anchor_loss, log_mean_exp, two_view_differences
from .descent import Part, descend, warm_cosine
from .encoders import ENCODERS, build_encoder, linear_probe
from .temperatures import FixedTemperature, IndividualTemperatures, LearnedTemperature
from .tempnet import ContrastiveTempNet
from .views import draw_views, view

METHODS = ("InfoNCE", "SogCLR", "iSogCLR", "TempNet")
IMAGES = ("MNIST", CANONICAL, JPEG)
Rows = list[dict[str, object]]


@dataclass(frozen=True)
class UnimodalTrial:
    """A training of one encoder on two views of every image.

    ``config``: images, train_size, test_size (0: all), encoder, dim, batch, epochs, rate, precision; method, tau (fixed
    or start), rho, tau_rate, gamma, tau_min, tau_max. Start weights, order and views do not depend on the method.
    """

    config: Mapping[str, object]
    seed: Seed
    device: str = "cpu"

    def __post_init__(self):
        for name, known in (("method", METHODS), ("images", IMAGES), ("encoder", ENCODERS)):
            if self.config[name] not in known:
                raise UserError(f"unknown {name} {self.config[name]!r}: {nearest(str(self.config[name]), known)}")

    def rows(self) -> Rows:
        """Train, and score the features before the projection by a linear probe; say where the temperatures ended."""
        train, test = self._data()
        net, rule = self._trained(train[0])
        features = [self._features(net, images) for images, _ in (train, test)]
        accuracy = linear_probe(features[0], train[1], features[1], test[1])
        rows: Rows = [{"metric": "probe accuracy", "value": accuracy, "split": "test", "n": len(test[1])}]
        tau = self._temperatures(net, rule, train[0])
        return [
            *rows,
            {"metric": "mean tau", "value": tau.mean().item()},
            {"metric": "sd of tau", "value": tau.std().item()},
        ]

    def _data(self) -> list[tuple[Tensor, Tensor]]:
        c = self.config
        data = load_mnist() if c["images"] == "MNIST" else load_cifar10(c["images"], fallback=False)
        parts = (
            (data.train_images, data.train_labels, c["train_size"]),
            (data.test_images, data.test_labels, c["test_size"]),
        )
        found = []
        for images, labels, size in parts:
            pixels = torch.tensor(images[: size or None], device=self.device)
            pixels = pixels.unsqueeze(-1) if pixels.ndim == 3 else pixels
            found.append((pixels.permute(0, 3, 1, 2), torch.tensor(labels[: size or None], device=self.device)))
        if len(found[0][0]) < c["batch"]:
            raise UserError(f"a batch of {c['batch']} images needs as many, the training set has {len(found[0][0])}")
        return found

    def _trained(self, images: Tensor):
        c, n = self.config, len(images)
        net = build_encoder(c["encoder"], images.shape[1], c["dim"], self.seed.torch("weights")).to(self.device)
        rule = self._rule(n)
        gamma = 1.0 if c["method"] == "InfoNCE" else c["gamma"]
        averages = [MovingAverage(n, gamma, device=self.device) for _ in range(2)]
        rho = c["rho"] if c["method"] in ("iSogCLR", "TempNet") else 0.0
        per_epoch = n // c["batch"]
        epoch: dict[str, object] = {}

        def loss(step: int) -> Tensor:
            number, place = divmod(step, per_epoch)
            if place == 0:
                order = torch.randperm(n, generator=self.seed.torch("order", number))
                epoch["batches"] = order.split(c["batch"])
                epoch["views"] = self.seed.torch("views", number)
            index = epoch["batches"][place]
            a, b = self._two_views(net, images, index, epoch["views"])
            index = index.to(self.device)
            between = a @ b.T
            total = between.new_zeros(())
            for average, anchors, across in zip(averages, (a, b), (between, between.T), strict=True):
                h = two_view_differences(anchors @ anchors.T, across)
                tau = rule(index, anchors)
                found = anchor_loss(h, tau, rho, log_u=average.update(index, log_mean_exp(h.detach(), tau)))
                rule.learn(found.tau_slope)
                total = total + found.surrogate.mean()
            return total

        net.train()
        steps = c["epochs"] * per_epoch
        optimizer = torch.optim.AdamW(net.parameters(), lr=c["rate"], weight_decay=1e-2)
        descend(loss, [Part(optimizer, warm_cosine(steps, warm_up=max(1, steps // 10), floor=0.01))], range(steps))
        return net, rule

    def _two_views(self, net: nn.Module, images: Tensor, index: Tensor, generator: torch.Generator):
        pixels = images[index.to(self.device)].float() / 255
        mirror = self.config["images"] != "MNIST"
        views = [view(pixels, draw_views(len(index), generator, mirror=mirror).to(self.device)) for _ in range(2)]
        with autocast(self.config["precision"], self.device):
            both = net(torch.cat(views)).float()
        return F.normalize(both, dim=-1).chunk(2)

    def _rule(self, anchors: int):
        c = self.config
        bounds = {"tau_min": c["tau_min"], "tau_max": c["tau_max"]}
        if c["method"] in ("InfoNCE", "SogCLR"):
            return FixedTemperature(c["tau"])
        if c["method"] == "iSogCLR":
            return IndividualTemperatures(anchors, start=c["tau"], rate=c["tau_rate"], device=self.device, **bounds)
        model = ContrastiveTempNet(c["dim"], generator=self.seed.torch("TempNet"), **bounds)
        model.generator = torch.Generator(self.device).manual_seed(self.seed.integer("dropout"))
        return LearnedTemperature(model.to(self.device), rate=c["tau_rate"])

    @torch.no_grad()
    def _features(self, net: nn.Module, images: Tensor) -> Tensor:
        net.eval()
        return torch.cat([net.features(part.float() / 255).float() for part in images.split(1000)])

    @torch.no_grad()
    def _temperatures(self, net: nn.Module, rule, images: Tensor) -> Tensor:
        net.eval()
        if isinstance(rule, LearnedTemperature):
            rule.model.eval()
        index, taus = torch.arange(len(images), device=self.device), []
        for chosen in index.split(1000):
            embedded = F.normalize(net(images[chosen].float() / 255).float(), dim=-1)
            taus.append(rule(chosen, embedded))
        return torch.cat(taus).float()
