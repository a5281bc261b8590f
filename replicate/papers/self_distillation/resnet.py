"""The paper's image networks: torchvision ResNets on 32 x 32 images, their loss, augmentation and protocols."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.errors import nearest

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # self_distiller.py
NORM_PENALTY = 1e-4  # times the sum of unsquared 2-norms of the trainable tensors, biases and BatchNorm included
_PAD = 4
DEPTHS = (18, 34, 50)
PROTOCOLS = ("fair", "script")


class Normalise(nn.Module):
    """Subtract means and divide by standard deviations of CIFAR-10's channels; inputs ``(n, 3, h, w)`` in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalised images."""
        return (images - self.mean) / self.std


def resnet(depth: int, classes: int, seed: int) -> nn.Sequential:
    """Return an untrained torchvision ResNet (ImageNet stem, as the script has it) behind the normalisation.

    Args:
        depth: 18, 34 or 50.
        classes: outputs of the new last layer.
        seed: of the start weights; torch's global generator is left as it was.
    """
    from torchvision import models  # seconds to import

    makers = {18: models.resnet18, 34: models.resnet34, 50: models.resnet50}
    if depth not in makers:
        raise ValueError(f"no ResNet of depth {depth!r}; {nearest(str(depth), map(str, makers))}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = makers[depth](weights=None)
        model.fc = nn.Linear(model.fc.in_features, classes)
    return nn.Sequential(Normalise(), model)


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return each image cropped at random from its copy padded with 4 zeros, and mirrored with probability 1/2.

    ``images``: ``(n, c, h, w)`` in [0, 1]; the CPU ``generator`` draws, so that every device sees the same crops.
    """
    n, _, height, width = images.shape
    shifts = torch.randint(0, 2 * _PAD + 1, (2, n), generator=generator).to(images.device)
    mirrored = (torch.rand(n, generator=generator) < 0.5).to(images.device)
    rows = shifts[0][:, None] + torch.arange(height, device=images.device)
    columns = shifts[1][:, None] + torch.arange(width, device=images.device)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    padded = F.pad(images, (_PAD,) * 4).permute(0, 2, 3, 1)  # (n, h + 8, w + 8, c)
    each = torch.arange(n, device=images.device)[:, None, None]
    return padded[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def norm_penalty(model: nn.Module) -> Tensor:
    """Return the sum over trainable tensors of the unsquared 2-norm."""
    return torch.stack([p.norm() for p in model.parameters() if p.requires_grad]).sum()


@dataclass(eq=False)
class DistillationLoss:
    """alpha MSE(softmax(s), one-hot) + (1 - alpha) MSE(softmax(s), softmax(t)) + 1e-4 sum of norms.

    MSE is a mean over images and classes. Without a teacher: MSE(softmax(s), one-hot) + the norms.

    Args:
        classes: number of classes.
        weight: alpha, of the ground truth.
        teacher: the network before, fed the same augmented batch; it is never changed, unless ``teacher_trains``.
        teacher_trains: put the teacher into training mode, as the script probably does: BatchNorm then normalises by
            the batch and its running statistics drift.
    """

    classes: int
    weight: float = 1.0
    teacher: nn.Module | None = None
    teacher_trains: bool = False

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch; ``labels`` are class numbers ``(n,)``."""
        outputs = model(inputs).softmax(1)
        truth = F.one_hot(labels, self.classes).to(outputs.dtype)
        if self.teacher is None:
            fit = F.mse_loss(outputs, truth)
        else:
            taught = self._taught(self.teacher, inputs)
            fit = self.weight * F.mse_loss(outputs, truth) + (1 - self.weight) * F.mse_loss(outputs, taught)
        return fit + NORM_PENALTY * norm_penalty(model)

    @torch.no_grad()
    def _taught(self, teacher: nn.Module, inputs: Tensor) -> Tensor:
        teacher.train(self.teacher_trains)
        return teacher(inputs).softmax(1)


@torch.no_grad()
def probabilities(model: nn.Module, images: Tensor, *, batch_size: int = 500) -> Tensor:
    """Return softmax outputs ``(n, C)`` on the CPU for uint8 images ``(n, 3, h, w)``; sets evaluation mode."""
    model.eval()
    return torch.cat([model(part.float() / 255).softmax(1).cpu() for part in images.split(batch_size)])
