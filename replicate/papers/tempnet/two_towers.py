"""One contrastive training described by a configuration: towers, a rule for the temperatures, retrieval."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from replicate.checkpoint import Checkpoint, code_ingredients
from replicate.errors import nearest
from replicate.precision import autocast
from replicate.seeds import Seed

from .contrastive import MovingAverage, anchor_loss, clip_loss, differences, log_mean_exp
from .descent import Part, Progress, descend, warm_cosine
from .pairs import Pairs, SplitPairs, load_pairs
from .retrieval import CUTS, recall, retrieval_ranks
from .shared_batches import Share
from .temperatures import FixedTemperature, GlobalTemperature, IndividualTemperatures, LearnedTemperature
from .tempnet import ContrastiveTempNet
from .towers import TwoTowers, build_towers

if TYPE_CHECKING:
    from lightning_fabric import Fabric

METHODS = ("CLIP", "CLIP, learnable tau", "SogCLR", "iSogCLR", "RGCL-g", "TempNet")
SCHEDULED = ("CLIP, cosine tau", "SogCLR, cosine gamma")  # later work's two-line baselines
_WAVES = 4  # of the cosine temperature over the training
DIRECTIONS = ("image", "text")
_LARGEST_SCALE = 100.0  # of CLIP's learnable 1 / tau
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class ContrastiveTrial:
    """A training of two towers.

    ``config``: pairs, side, towers, width, dim, batch, epochs, rate, roll (pixels of augmentation), tuning, precision,
    checkpoint_every;
    method, tau (fixed or start), rho, tau_rate, gamma, tau_min, tau_max. Start weights, data order and augmentation are
    named by purpose, not by method, so that methods are compared in pairs.
    """

    config: Mapping[str, Any]
    seed: Seed
    device: str = "cpu"

    def __post_init__(self):
        known = METHODS + SCHEDULED
        if self.config["method"] not in known:
            raise ValueError(f"unknown method {self.config['method']!r}; {nearest(self.config['method'], known)}")

    @cached_property
    def data(self) -> SplitPairs:
        """The split concepts; the split is one for all seeds, as a published test set is."""
        pairs = load_pairs(self.config["pairs"], self.config["side"]).to(self.device)
        return SplitPairs.of(pairs, Seed(self.seed.base, 0).rng("split"), tuning=self.config["tuning"])

    def run(self, fabric: "Fabric | None" = None) -> tuple[TwoTowers, dict[str, Any]]:
        """Train; return the towers and the temperature rule of each direction.

        With a launched ``fabric`` every process embeds its share of each batch (`Share`): losses and steps are those of
        one process up to the order of sums. Temperatures and moving averages are computed alike everywhere.
        """
        c, pairs, share = self.config, self.data.train, Share(self.config["batch"], fabric)
        towers = build_towers(
            c["towers"], pairs, dim=c["dim"], width=c["width"], generator=self.seed.torch("weights")
        ).to(self.device)
        batches = self._batches(len(pairs.texts) * len(pairs.images))
        if c["method"] == "CLIP, learnable tau":
            return towers, self._train_learnable(towers, pairs, batches, share)
        rules = {direction: self._rule(direction, len(pairs.texts) * len(pairs.images)) for direction in DIRECTIONS}
        self._train_global(towers, pairs, batches, rules, share)
        return towers, rules

    def _batches(self, samples: int) -> list[Tensor]:
        """Return the samples of every step: a new permutation each epoch, without its last incomplete batch."""
        c, generator = self.config, self.seed.torch("order")
        if samples < c["batch"]:
            raise ValueError(f"a batch of {c['batch']} pairs needs as many, the training set has {samples}")
        orders = [torch.randperm(samples, generator=generator) for _ in range(c["epochs"])]
        return [part for order in orders for part in order.split(c["batch"]) if len(part) == c["batch"]]

    def _embedder(
        self, towers: TwoTowers, pairs: Pairs, batches: list[Tensor], generator: torch.Generator, share: Share
    ):
        """Return a function of the step: indices and embeddings of its batch, augmented by rolls of a few pixels."""
        n, roll, called = len(pairs.texts), self.config["roll"], share.towers(towers)

        def embed(step: int) -> tuple[Tensor, Tensor, Tensor]:
            index = batches[step].to(self.device)
            mine = share.mine(index)
            images = pairs.images[mine // n, mine % n]
            if roll:
                dy, dx = torch.randint(-roll, roll + 1, (2,), generator=generator).tolist()
                images = torch.roll(images, (dy, dx), (-2, -1))
            with autocast(self.config["precision"], self.device):
                image, text = called(images, pairs.texts[mine % n])
            return index, share.everyone(image), share.everyone(text)

        return embed

    def _part(self, parameters, steps: int) -> Part:
        optimizer = torch.optim.AdamW(parameters, lr=self.config["rate"], weight_decay=0.02)
        return Part(optimizer, warm_cosine(steps, warm_up=max(1, steps // 10), floor=0.01))

    def _train_learnable(self, towers: TwoTowers, pairs: Pairs, batches: list[Tensor], share: Share) -> dict[str, Any]:
        """Train with CLIP's own loss and its learnable scale exp(s) <= 100."""
        log_scale = nn.Parameter(torch.tensor(-math.log(self.config["tau"]), device=self.device))
        augmentation = self.seed.torch("augmentation")
        embed = self._embedder(towers, pairs, batches, augmentation, share)

        def loss(step: int) -> Tensor:
            _, image, text = embed(step)
            return clip_loss(image @ text.T, 1 / log_scale.exp().clamp(max=_LARGEST_SCALE))

        towers.train()
        part = self._part([*towers.parameters(), log_scale], len(batches))
        self._descend(loss, part, len(batches), [towers, nn.ParameterList([log_scale])], [augmentation], share)
        rule = FixedTemperature(max(1 / _LARGEST_SCALE, math.exp(-log_scale.item())))
        return dict.fromkeys(DIRECTIONS, rule)

    def _train_global(self, towers: TwoTowers, pairs: Pairs, batches: list[Tensor], rules: dict, share: Share) -> None:
        """Train with the mini-batch loss of CLIP at a fixed tau, or with the global losses."""
        c, augmentation = self.config, self.seed.torch("augmentation")
        embed = self._embedder(towers, pairs, batches, augmentation, share)
        samples = len(pairs.texts) * len(pairs.images)
        averages = {d: MovingAverage(samples, c["gamma"], device=self.device) for d in DIRECTIONS}
        rho = c["rho"] if c["method"] in ("iSogCLR", "RGCL-g", "TempNet") else 0.0

        def loss(step: int) -> Tensor:
            index, image, text = embed(step)
            similarity = image @ text.T
            progress = step / len(batches)
            if c["method"] == "CLIP":
                return clip_loss(similarity, c["tau"])
            if c["method"] == "CLIP, cosine tau":
                return clip_loss(similarity, _wave(progress * _WAVES, c["tau_min"], c["tau"]))
            if c["method"] == "SogCLR, cosine gamma":
                for average in averages.values():
                    average.gamma = _wave(progress / 2, c["gamma"], 1.0)
            total = similarity.new_zeros(())
            for direction, s, anchors in zip(DIRECTIONS, (similarity, similarity.T), (image, text), strict=True):
                h, rule = differences(s), rules[direction]
                tau = rule(index, anchors)
                log_u = averages[direction].update(index, log_mean_exp(h.detach(), tau))
                found = anchor_loss(h, tau, rho, log_u=log_u)
                rule.learn(found.tau_slope)
                total = total + found.surrogate.mean()
            return total

        towers.train()
        dropout = [
            rule.model.generator for rule in rules.values() if hasattr(getattr(rule, "model", None), "generator")
        ]
        stateful = [towers, *averages.values(), *rules.values()]
        part, generators = self._part(towers.parameters(), len(batches)), [augmentation, *dropout]
        self._descend(loss, part, len(batches), stateful, generators, share)

    def _descend(self, loss, part: Part, steps: int, stateful: list, generators: list, share: Share) -> None:
        """Take the steps, from a checkpoint on where there is one; of several processes the first writes it."""
        every, first_process = self.config["checkpoint_every"], share.rank == 0
        progress = Progress(self._checkpoint() if every else None, every if first_process else 0)
        first = progress.resume([*stateful, part.optimizer], generators, [])
        share.wait()  # until all have read the file
        descend(loss, [part], range(first, steps), after=progress.passed)
        if first_process:
            progress.finished()

    def _checkpoint(self) -> Checkpoint:
        seed = [self.seed.base, self.seed.replicate]
        named = {"config": dict(self.config), "seed": seed, "device": torch.device(self.device).type}
        return Checkpoint.of("tempnet", {**code_ingredients(__name__), **named})

    def _rule(self, direction: str, samples: int):
        """Return who decides the temperatures of one direction."""
        c = self.config
        bounds = {"tau_min": c["tau_min"], "tau_max": c["tau_max"]}
        if c["method"] in ("CLIP", "SogCLR", *SCHEDULED):
            return FixedTemperature(c["tau"])
        if c["method"] == "iSogCLR":
            return IndividualTemperatures(samples, start=c["tau"], rate=c["tau_rate"], device=self.device, **bounds)
        if c["method"] == "RGCL-g":
            model: nn.Module = GlobalTemperature(start=c["tau"], **bounds)
        else:
            model = ContrastiveTempNet(c["dim"], generator=self.seed.torch("TempNet", direction), **bounds)
            model.generator = torch.Generator(self.device).manual_seed(self.seed.integer("dropout", direction))
        return LearnedTemperature(model.to(self.device), rate=c["tau_rate"])


def _wave(turns: float, low: float, high: float) -> float:
    """Return a cosine between two values that starts at the higher one."""
    return low + (high - low) * 0.5 * (1 + math.cos(2 * math.pi * turns))


@torch.no_grad()
def embeddings(towers: TwoTowers, pairs: Pairs, *, batch: int = 1024) -> tuple[Tensor, Tensor]:
    """Return the embeddings of images ``(styles, n, dim)`` and texts ``(n, dim)`` in evaluation mode."""
    towers.eval()
    found = []
    for style in pairs.images:
        parts = [towers(i, t) for i, t in zip(style.split(batch), pairs.texts.split(batch), strict=True)]
        found.append(torch.cat([image for image, _ in parts]))
    return torch.stack(found), torch.cat([text for _, text in parts])


def retrieval_rows(towers: TwoTowers, pairs: Pairs, split: str) -> tuple[Rows, dict[str, Tensor]]:
    """Return recall at 1, 5, 10 in both directions, averaged over styles, and the ranks ``(styles, n)``."""
    images, texts = embeddings(towers, pairs)
    by_style = [retrieval_ranks(image, texts) for image in images]
    ranks = {name: torch.stack([found[name] for found in by_style]) for name in ("TR", "IR")}
    n = ranks["TR"].numel()
    rows = [
        {"metric": f"{name}@{k}", "value": recall(ranks[name].flatten(), k), "split": split, "n": n}
        for name in ranks
        for k in CUTS
    ]
    mean = (recall(ranks["TR"].flatten(), 1) + recall(ranks["IR"].flatten(), 1)) / 2
    return [*rows, {"metric": "mean R@1", "value": mean, "split": split, "n": n}], ranks
