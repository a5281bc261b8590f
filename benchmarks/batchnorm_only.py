"""How fast is a training step of ResNet-14 on 32 x 32 images, BatchNorm only, against the usual ways?

Ours: images resident, a batch cut and mirrored in one gather, channels_last, bfloat16 where the hardware has it, frozen
weights without gradients and outside the optimiser. Against it:

- "plain loop": NCHW, float32, torchvision's transforms image by image in a DataLoader, frozen weights without
  gradients;
- "open_lth's way": as the paper's code is built: the same transforms in a DataLoader, and every parameter in one
  optimiser, those not trained told by ``requires_grad``;
- "masking": as the plain loop, but with gradients of all weights computed and thrown away;
- "all weights": our own step with every parameter trained.

One batch goes through our network and the plain one first: loss and gradients of gamma must agree.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from harness import alternate, compared, write
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from replicate import precision
from replicate.augmentation import draw_crops
from replicate.device_images import on_device
from replicate.papers.batchnorm_only.conditions import trainable
from replicate.papers.batchnorm_only.network import network
from replicate.papers.batchnorm_only.norms import norm_layers
from replicate.resumable import Training
from replicate.schedules import constant
from replicate.seeds import Seed

PAPER, BATCH = "batchnorm_only", 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
USUAL = ("plain loop", "open_lth's way", "masking")
TARGETS = {"plain loop": ">= 2.5"}
Step = Callable[[], None]


class Photos(Dataset):
    """Images, each made a PIL object and transformed when asked for."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray):
        from torchvision import transforms

        self.pixels, self.labels = pixels, labels
        steps = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4), transforms.ToTensor()]
        self.transform = transforms.Compose([*steps, transforms.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[i])), int(self.labels[i])


def photos(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random pixels ``(n, 32, 32, 3)`` and labels: the time does not depend on what they show."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, n)


def ours(pixels: np.ndarray, labels: np.ndarray, condition: str, kind: str, device: str = "cpu") -> Step:
    """Return our step."""
    model = network(14, Seed(0, 0)).to(device, memory_format=torch.channels_last).train()
    selection = trainable(model, condition)
    images = on_device(pixels, labels, pad=4, mean=MEAN, std=STD, device=device)
    optimizer = selection.sgd(lr=0.1, momentum=0.9, weight_decay=1e-4)
    training = Training(model, optimizer, constant(), BATCH, lambda *_: torch.Generator(), kind)
    step_of, batches = training.step(images, fast=True), draws(len(images), device)

    def step() -> None:
        step_of(*next(batches))

    return step


def draws(n: int, device: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield which images, and how they are cropped; drawn an epoch at a time, as a training does."""
    generator = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(n, generator=generator).to(device)
        crops = draw_crops(n, 4, generator).to(device)
        pairs = zip(order.split(BATCH), crops.split(BATCH), strict=True)
        yield from (pair for pair in pairs if len(pair[0]) == BATCH)


def usual(pixels: np.ndarray, labels: np.ndarray, how: str, device: str = "cpu", loading: int = 0) -> Step:
    """Return the step of one of `USUAL`, with so many processes loading (0: this one)."""
    model = network(14, Seed(0, 0)).to(device).train()
    selection = trainable(model, "bn")
    if how == "masking":
        model.requires_grad_(True)
    chosen = list(model.parameters()) if how == "open_lth's way" else list(selection.parameters.values())
    optimizer = torch.optim.SGD(chosen, lr=0.1, momentum=0.9, weight_decay=1e-4)
    options = {"num_workers": loading, "persistent_workers": loading > 0, "pin_memory": device != "cpu"}
    batches = repeated(DataLoader(Photos(pixels, labels), BATCH, shuffle=True, drop_last=True, **options))
    loss_of = nn.CrossEntropyLoss()

    def step() -> None:
        inputs, wanted = (part.to(device, non_blocking=True) for part in next(batches))
        optimizer.zero_grad()
        model.train()
        loss_of(model(inputs), wanted).backward()
        optimizer.step()

    return step


def repeated(loader: DataLoader) -> Iterator:
    """Yield batches for ever; unlike `itertools.cycle`, every epoch is loaded anew."""
    while True:
        yield from loader


def agreement(pixels: np.ndarray, labels: np.ndarray, kind: str, device: str = "cpu") -> tuple[float, float]:
    """Return relative differences of loss and gamma gradients, in ``kind`` on a device, from the plain network's.

    That one computes in NCHW and float32 on the CPU.
    """
    images = on_device(pixels[:BATCH], labels[:BATCH], pad=4, mean=MEAN, std=STD, device=device)
    scaled = torch.tensor(pixels[:BATCH]).permute(0, 3, 1, 2).contiguous().float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    plain = (scaled - mean) / std, torch.tensor(labels[:BATCH])
    loss, gradient = _loss_and_gradient(*plain, torch.contiguous_format, "fp32")
    other, changed = _loss_and_gradient(*images.plain(0, BATCH), torch.channels_last, kind)
    return abs(other / loss - 1), float((changed - gradient).norm() / gradient.norm())


def _loss_and_gradient(inputs: torch.Tensor, wanted: torch.Tensor, layout: torch.memory_format, kind: str):
    model = network(14, Seed(0, 0)).to(inputs.device, memory_format=layout).train()
    trainable(model, "bn")
    with precision.autocast(kind, str(inputs.device)):
        logits = model(inputs)
    loss = F.cross_entropy(logits.float(), wanted)
    loss.backward()
    return loss.item(), torch.cat([layer.weight.grad.cpu() for layer in norm_layers(model).values()])


def tolerance(kind: str) -> tuple[float, float]:
    """Return the largest relative differences of loss and gradient that rounding explains in a precision.

    Rounding flips the sign of a share of activations near zero, and with it their gradients: between the two layouts
    the gradients differ by 1e-14 in float64, where nothing flips, and by 2.5e-3 in float32.
    """
    return (1e-5, 1e-2) if kind == "fp32" else (1e-2, 0.3)


def many(step: Step, steps: int) -> Step:
    """Return a function that takes so many steps."""

    def work() -> None:
        for _ in range(steps):
            step()

    return work


def main() -> None:
    """Measure images a second and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="1 (default), or the number of idle cores")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps a repeat")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pixels, labels = photos(2048)
    kind = precision.resolve("auto", "cpu")
    differences = agreement(pixels, labels, kind)
    print(f"relative differences from the plain network in {kind}: loss, gamma gradients {differences}")
    agree = all(a <= b for a, b in zip(differences, tolerance(kind), strict=True))
    steps = {"ours": ours(pixels, labels, "bn", kind)}
    steps |= {how: usual(pixels, labels, how) for how in USUAL}
    steps["all weights"] = ours(pixels, labels, "all", kind)
    work = {name: many(step, options.steps) for name, step in steps.items()}
    spent, _ = alternate(work, options.repeats, clock=time.process_time)
    size = f"ResNet-14, batch {BATCH}, {options.threads} thread{'s' * (options.threads > 1)}, {kind}"
    rate = {"per": options.steps * BATCH, "unit": "images/s"}
    mine = spent.pop("ours")
    write([
        compared("training step", PAPER, size, mine, theirs, name, **rate, target=TARGETS.get(name, ""),
                 agree=agree if name != "all weights" else "not meant to")
        for name, theirs in spent.items()
    ])  # fmt: skip


if __name__ == "__main__":
    main()
