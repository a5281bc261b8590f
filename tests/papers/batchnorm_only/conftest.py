"""Small data sets and configurations that train in a second."""

import numpy as np
import pytest

from replicate.device_images import on_device
from replicate.papers.batchnorm_only import trained

TINY = {
    "dataset": "tiny",
    "shrink": 1,
    "train_size": 0,
    "test_size": 0,
    "family": "resnet",
    "depth": 8,
    "width": 1,
    "condition": "bn",
    "epochs": 2,
    "schedule": "one_cycle",
    "rate": 0.3,
    "decay": 1e-4,
    "precision": "fp32",
}


@pytest.fixture
def tiny(monkeypatch):
    """Replace the image sets by 300 noisy 8 x 8 images of ten patterns; return a configuration that trains on them."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, (10, 8, 8, 3))
    labels = np.arange(300) % 10
    images = np.clip(patterns[labels] + rng.normal(0, 40, (300, 8, 8, 3)), 0, 255).astype(np.uint8)
    numbers = {"pad": 1, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    sets = on_device(images[:200], labels[:200], **numbers), on_device(images[200:], labels[200:], **numbers)
    monkeypatch.setattr(trained, "image_sets", lambda *args: sets)
    return dict(TINY)
