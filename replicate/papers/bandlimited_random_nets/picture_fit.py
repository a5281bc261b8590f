"""Regress a photograph's grey values on the place of the pixels: small pictures in one piece, large ones in blocks."""

from typing import Any

import numpy as np

from .factorisation import Factorisation
from .hidden import HiddenLayer
from .paths import path
from .problems import Picture, psnr


def ratios(
    layer: HiddenLayer, picture: Picture, widths: list[int], penalty: float, device: str
) -> list[dict[str, Any]]:
    """Return signal-to-noise ratios on training and test pixels, rows with width, metric and value (dB)."""
    problem = picture.problem
    arrays = problem.inputs, problem.targets, problem.test_inputs, problem.test_targets
    if len(picture.places) > 10_000:
        from .blockwise import ridge_errors  # lazy: needs torch

        found = ridge_errors(layer, *arrays, widths=widths, penalty=penalty, device=device)
    else:
        points = path(layer, *arrays, widths=widths, penalties=[penalty])
        found = [(p.width, float(p.train[0]), float(p.test[0])) for p in points]
    return [
        {"width": width, "metric": metric, "value": psnr(rmse)}
        for width, train, test in found
        for metric, rmse in (("train psnr", train), ("test psnr", test))
    ]


def reconstruction(layer: HiddenLayer, picture: Picture, penalty: float) -> np.ndarray:
    """Return the net's grey values at every pixel, fitted to the training pixels, ``(rows, columns)``."""
    problem = picture.problem
    c = Factorisation(layer(problem.inputs)).solve(problem.targets[:, 0], layer.width, penalty=penalty).coefficients
    return (layer(picture.places) @ c).reshape(picture.grey.shape) + picture.mean
