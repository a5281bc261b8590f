"""Two towers: images and texts to unit vectors of the same space."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.errors import nearest

from .pairs import PADDING, Pairs

TOWERS = ("small", "resnet18", "resnet50")
_BLOCKS = {"resnet18": 2, "resnet50": 4}  # of the text transformer beside it


class TwoTowers(nn.Module):
    """An image tower and a text tower with l2-normalised outputs ``(n, dim)``."""

    def __init__(self, image: nn.Module, text: nn.Module):
        super().__init__()
        self.image, self.text = image, text

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings of images (uint8) and texts."""
        pixels = (images.float() - 127.5) / 127.5
        return F.normalize(self.image(pixels).float(), dim=-1), F.normalize(self.text(texts).float(), dim=-1)


class _MeanOfWords(nn.Module):
    """The mean of the words' vectors, then a small network."""

    def __init__(self, words: int, width: int, dim: int):
        super().__init__()
        self.vectors = nn.EmbeddingBag(words, width, mode="mean", padding_idx=PADDING)
        self.net = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, dim))

    def forward(self, texts: Tensor) -> Tensor:
        return self.net(self.vectors(texts))


class _TextTransformer(nn.Module):
    """PyTorch's encoder over the words, averaged over those that are there."""

    def __init__(self, words: int, longest: int, width: int, depth: int, dim: int):
        super().__init__()
        self.vectors = nn.Embedding(words, width, padding_idx=PADDING)
        self.positions = nn.Parameter(torch.zeros(longest, width))
        block = nn.TransformerEncoderLayer(
            width, width // 64, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, depth, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, dim)

    def forward(self, texts: Tensor) -> Tensor:
        missing = texts == PADDING
        x = self.blocks(self.vectors(texts) + self.positions, src_key_padding_mask=missing)
        there = (~missing).unsqueeze(-1).to(x.dtype)
        return self.head((x * there).sum(1) / there.sum(1).clamp_min(1))


def build_towers(kind: str, pairs: Pairs, *, dim: int, width: int, generator: torch.Generator) -> TwoTowers:
    """Return untrained towers for these pairs; start weights come from the generator.

    ``kind``: "small" (three strided convolutions of ``width``, 2 and 4 ``width`` channels and the mean of word vectors;
    small networks on numbers for texts that are no words), "resnet18" or "resnet50" (torchvision, from scratch, and a
    transformer of ``width``, a multiple of 64, with 2 or 4 blocks).
    """
    if kind not in TOWERS:
        raise ValueError(f"unknown towers {kind!r}; {nearest(kind, TOWERS)}")
    channels, height, breadth = pairs.images.shape[2:]
    image: nn.Module
    text: nn.Module
    if not pairs.words:
        image = nn.Sequential(nn.Flatten(), *_mlp(channels * height * breadth, width, dim))
        text = nn.Sequential(*_mlp(pairs.texts.shape[1], width, dim))
    elif kind == "small":
        image, text = _convolutions(channels, height, width, dim), _MeanOfWords(pairs.words, dim, dim)
    else:
        from torchvision.models import get_model  # lazy: a slow import

        if width % 64:
            raise ValueError(f"width is {width}; the text transformer's heads have 64 each: give a multiple of it")
        image = get_model(kind, weights=None, num_classes=dim)
        text = _TextTransformer(pairs.words, pairs.texts.shape[1], width, _BLOCKS[kind], dim)
    towers = TwoTowers(image, text)
    start_weights(towers, generator)
    return towers


def _mlp(inputs: int, width: int, dim: int) -> list[nn.Module]:
    return [nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, dim)]


def _convolutions(channels: int, side: int, width: int, dim: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for out in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        channels, side = out, -(-side // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side * side, dim))


@torch.no_grad()
def start_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Draw matrices and kernels uniformly with variance 1 / inputs (word vectors: N(0, 1)); biases 0."""
    for name, parameter in module.named_parameters():
        if "vectors" in name:
            nn.init.normal_(parameter, generator=generator)
            parameter[PADDING] = 0
        elif "positions" in name:
            nn.init.normal_(parameter, std=0.02, generator=generator)
        elif parameter.ndim >= 2:
            bound = (3 / parameter[0].numel()) ** 0.5
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
