"""Retrieval between images and texts: how often the partner is among the k most similar."""

import torch
from torch import Tensor

CUTS = (1, 5, 10)


def partner_ranks(similarity: Tensor) -> Tensor:
    """Return for each row of ``(n, n)`` how many others are at least as similar as the diagonal: 0 is a hit at 1.

    Ties count against the partner, so that a collapsed encoder scores nothing.
    """
    own = similarity.diagonal()[:, None]
    return (similarity >= own).sum(1) - 1


@torch.no_grad()
def retrieval_ranks(images: Tensor, texts: Tensor) -> dict[str, Tensor]:
    """Return the ranks of the right text for each image ("TR") and of the right image for each text ("IR")."""
    similarity = images @ texts.T
    return {"TR": partner_ranks(similarity), "IR": partner_ranks(similarity.T)}


def recall(ranks: Tensor, k: int) -> float:
    """Return the share of anchors whose partner is among the first k."""
    return float((ranks < k).double().mean())
