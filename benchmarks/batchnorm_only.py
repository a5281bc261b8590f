"""How fast is a training step of ResNet-14 on 32 x 32 images, BatchNorm only, against the usual ways?

Ours: images resident, a batch cut and mirrored in one gather, channels_last, bfloat16 where the hardware has it, frozen
weights without gradients and outside the optimiser. Against it:

- "plain": NCHW, float32, torchvision's transforms image by image in a DataLoader, frozen weights without gradients;
- "reference": as the paper's code (open_lth) is built: the same transforms of PIL images one by one in a DataLoader,
  NCHW, float32, and every parameter in one optimiser, those not trained told by ``requires_grad``;
- "masked": as "plain", but with gradients of all weights computed and thrown away, the way that freezes by zeroing;
- "all": our own step with every parameter trained.

Repeats alternate in one process; ratios are medians of ratios of processor time (wall time beside: other programs
disturb it). Before, one batch goes through both networks: losses and gradients of gamma must agree.
"""

import argparse
import time
from collections.abc import Callable
from itertools import cycle
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from replicate import precision
from replicate.augmentation import draw_crops
from replicate.device_images import on_device
from replicate.papers.batchnorm_only.conditions import trainable
from replicate.papers.batchnorm_only.network import network
from replicate.papers.batchnorm_only.norms import norm_layers
from replicate.resumable import Training
from replicate.schedules import constant
from replicate.seeds import Seed

BATCH, IMAGES = 128, 2048
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Photos(Dataset):
    """Images as PIL objects or arrays, each transformed when asked for."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray):
        self.pixels, self.labels = pixels, labels
        steps = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4), transforms.ToTensor()]
        self.transform = transforms.Compose([*steps, transforms.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[i])), int(self.labels[i])


def ours(pixels: np.ndarray, labels: np.ndarray, condition: str, kind: str) -> Callable[[], None]:
    """Return our step."""
    model = network(14, Seed(0, 0)).to(memory_format=torch.channels_last).train()
    selection = trainable(model, condition)
    images = on_device(pixels, labels, pad=4, mean=MEAN, std=STD)
    optimizer = selection.sgd(lr=0.1, momentum=0.9, weight_decay=1e-4)
    training = Training(model, optimizer, constant(), BATCH, lambda *_: torch.Generator(), kind)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        chosen = torch.randint(0, len(images), (BATCH,), generator=generator)
        training._step(*images.augmented(chosen, draw_crops(BATCH, 4, generator)))

    return step


def usual(pixels: np.ndarray, labels: np.ndarray, how: str) -> Callable[[], None]:
    """Return the step of "plain", "reference" or "masked"."""
    model = network(14, Seed(0, 0)).train()
    selection = trainable(model, "bn")
    if how == "masked":
        model.requires_grad_(True)
    chosen = list(model.parameters()) if how == "reference" else list(selection.parameters.values())
    optimizer = torch.optim.SGD(chosen, lr=0.1, momentum=0.9, weight_decay=1e-4)
    batches = cycle(DataLoader(Photos(pixels, labels), BATCH, shuffle=True))
    loss_of = nn.CrossEntropyLoss()

    def step() -> None:
        inputs, wanted = next(batches)
        optimizer.zero_grad()
        model.train()
        loss_of(model(inputs), wanted).backward()
        optimizer.step()

    return step


def agreement(pixels: np.ndarray, labels: np.ndarray, kind: str) -> str:
    """Return how far loss and gamma gradients are from those of the plain network, on the same batch."""
    images = on_device(pixels[:BATCH], labels[:BATCH], pad=4, mean=MEAN, std=STD)
    inputs, wanted = images.plain(0, BATCH)
    plain = torch.stack(
        [transforms.Normalize(MEAN, STD)(transforms.ToTensor()(Image.fromarray(p))) for p in pixels[:BATCH]]
    )
    found = []
    for batch, layout, how in (
        (plain, torch.contiguous_format, "fp32"),
        (inputs, torch.channels_last, "fp32"),
        (inputs, torch.channels_last, kind),
    ):
        model = network(14, Seed(0, 0)).to(memory_format=layout).train()
        trainable(model, "bn")
        with precision.autocast(how, "cpu"):
            loss = F.cross_entropy(model(batch).float(), wanted)
        loss.backward()
        found.append((loss.item(), torch.cat([layer.weight.grad for layer in norm_layers(model).values()])))
    (loss, gradient), *others = found
    texts = [
        f"loss {abs(o / loss - 1):.1e}, gamma gradients {float((g - gradient).norm() / gradient.norm()):.1e}"
        for o, g in others
    ]
    return f"relative differences from the plain network: fp32 {texts[0]}; {kind} {texts[1]}"


def measured(step: Callable[[], None], steps: int) -> tuple[float, float]:
    """Return processor and wall seconds of so many steps."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    return time.process_time() - processor, time.perf_counter() - wall


def main() -> None:
    """Print images/s and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="1 (default), or the number of idle cores")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps a repeat")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, IMAGES)
    kind = precision.resolve("auto", "cpu")
    print(agreement(pixels, labels, kind))
    steps = {"ours, bn": ours(pixels, labels, "bn", kind), "ours, all": ours(pixels, labels, "all", kind)}
    steps |= {how: usual(pixels, labels, how) for how in ("plain", "reference", "masked")}
    for step in steps.values():
        step()  # first steps allocate
    rounds = [{name: measured(step, options.steps) for name, step in steps.items()} for _ in range(options.repeats)]
    images = options.steps * BATCH
    for name in steps:
        cpu, wall = (median(r[name][i] for r in rounds) for i in (0, 1))
        print(f"{name:10} {images / cpu:6.0f} images per processor second, {images / wall:6.0f} per second")
    for name in list(steps)[1:]:
        ratios = [r[name][0] / r["ours, bn"][0] for r in rounds]
        text = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"ours, bn is {median(ratios):.2f} {text} times as fast as {name}, {options.threads} thread(s), {kind}")


if __name__ == "__main__":
    main()
