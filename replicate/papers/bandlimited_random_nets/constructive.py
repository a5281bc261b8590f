"""Nets that grow node by node: the incremental net that never refits, and the one that chooses its nodes."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from .activations import activation
from .checks import positive, whole
from .hidden import HiddenLayer, draw
from .paths import rms

_CHUNK = 250  # nodes whose features are held at once
REQUIREMENTS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)  # Wang and Li, arXiv 1702.03180, experiments


def incremental_errors(
    layer: HiddenLayer, inputs: np.ndarray, target: np.ndarray, counts: Sequence[int]
) -> list[float]:
    """Return the training errors of the incremental net (I-RVFL) after ``counts`` nodes, in increasing order.

    Every node gets the coefficient ``<e, h> / <h, h>`` of the residual e at that moment, and keeps it for ever (Li and
    Wang 2017). A greedy recursion without refitting: its stalling says nothing about the nodes' span.
    """
    residual, found = target.astype(float).copy(), []
    for start in range(0, max(counts), _CHUNK):
        stop = min(start + _CHUNK, max(counts))
        piece = HiddenLayer(layer.weights[:, start:stop], layer.biases[start:stop], layer.activation)
        features = np.ascontiguousarray(piece(inputs).T)
        squares = np.einsum("dn,dn->d", features, features)
        for i, (h, square) in enumerate(zip(features, squares, strict=True), start + 1):
            if square > 0:
                residual -= (h @ residual / square) * h
            if i in counts:
                found.append(float(rms(residual)))
    return found


def configured_layer(
    rng: Generator,
    inputs: np.ndarray,
    target: np.ndarray,
    *,
    width: int,
    scopes: Sequence[float],
    candidates: int = 100,
    activation_name: str = "sigmoid",
) -> HiddenLayer:
    """Choose nodes by the supervision of stochastic configuration networks (SC-III; Wang and Li, arXiv 1702.03180).

    At every step candidates are drawn from boxes of increasing scope until one takes enough of the residual of the
    least-squares fit: ``<e, h>^2 / <h, h> >= (1 - r - mu_L) |e|^2`` with ``mu_L = (1 - r) / (L + 1)`` for some r of
    `REQUIREMENTS`; the best one joins. The scope adapts to the target, so the net is not bandlimited beforehand.

    Args:
        rng: the source of candidates.
        inputs, target: ``(n, m)`` and ``(n,)``.
        width: number of nodes; fewer come back if no candidate is acceptable or the residual vanishes.
        scopes: bandwidths to try, in increasing order.
        candidates: candidates per scope.
        activation_name: the activation.

    Raises:
        ValueError: not a single node is acceptable, as for a target of zeros.
    """
    width, scopes = whole("width", width), [positive("a scope", s) for s in scopes]
    residual, basis = target.astype(float).copy(), np.empty((len(target), width), order="F")
    weights, biases = [], []
    for j in range(width):
        node = _configure(rng, inputs, residual, j, scopes, candidates, activation_name)
        if node is None:
            break
        a, b, h = node
        for _ in range(2):  # orthogonalise twice
            h = h - basis[:, :j] @ (basis[:, :j].T @ h)
        length = np.linalg.norm(h)
        if not length:
            break
        basis[:, j] = h / length
        residual -= basis[:, j] * (basis[:, j] @ residual)
        weights.append(a)
        biases.append(b)
    if not weights:
        raise ValueError("no node explains anything: the target is zero, or no candidate is acceptable")
    return HiddenLayer(np.stack(weights, axis=1), np.array(biases), activation(activation_name))


def _configure(rng, inputs, residual, j, scopes, candidates, activation_name):
    """Return (a, b, features) of the best acceptable candidate, or None."""
    energy = float(residual @ residual)
    if energy == 0:
        return None
    drawn = []
    for scope in scopes:
        layer = draw(rng, scope, candidates, inputs=inputs, activation_name=activation_name)
        features = layer(inputs)
        gain = (residual @ features) ** 2 / np.maximum(np.einsum("nd,nd->d", features, features), 1e-300)
        drawn.append((layer, features, gain))
    for r in REQUIREMENTS:
        needed = (1 - r) * (1 - 1 / (j + 2)) * energy
        for layer, features, gain in drawn:
            best = int(np.argmax(gain))
            if gain[best] >= needed:
                return layer.weights[:, best], layer.biases[best], features[:, best]
    return None
