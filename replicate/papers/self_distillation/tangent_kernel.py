"""The neural tangent kernel of a two-layer ReLU network without biases, in closed form, and the network itself.

A network trained on squared error with an L2 pull to its start behaves, as its width grows, like ridge regression
with this kernel (Jacot, Gabriel, Hongler 2018; the pull: Hu, Li, Yu 2020): the bridge from networks to the closed
forms here.
"""

import numpy as np


def relu_tangent_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Theta(x, y) = |x| |y| (k1(u) + u k0(u)) for rows of ``(n, p)`` and ``(m, p)``, u their cosine: ``(n, m)``.

    k0 = (pi - arccos u) / pi, k1 = (u (pi - arccos u) + sqrt(1 - u^2)) / pi; a zero row has kernel 0 with everything.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)[None, :]
    cosine = np.clip(np.divide(x @ y.T, norms, out=np.zeros_like(norms), where=norms > 0), -1, 1)
    angle = np.pi - np.arccos(cosine)
    k0, k1 = angle / np.pi, (cosine * angle + np.sqrt(1 - cosine**2)) / np.pi
    return norms * (k1 + cosine * k0)


def network_fit(
    x: np.ndarray,
    y: np.ndarray,
    new: np.ndarray,
    *,
    width: int,
    penalty: float,
    iterations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Train the finite network by accelerated gradient descent and return its change from the start at new inputs.

    f(x) = sqrt(2 / width) sum_j v_j relu(w_j x), with w, v standard normal at the start, so that the tangent kernel
    tends to `relu_tangent_kernel`. Loss: sum (f - f_start - y)^2 / 2 + penalty / 2 |theta - theta_start|^2.

    Args:
        x, y, new: ``(n, p)``, ``(n, C)``, ``(m, p)``.
        width: hidden units.
        penalty: lambda.
        iterations: gradient steps, with Nesterov's momentum and the step size 1 / (largest kernel eigenvalue + lambda).

    Returns:
        f - f_start at ``new``, ``(m, C)``.
    """
    hidden = rng.standard_normal((x.shape[1], width))
    outer = rng.standard_normal((width, y.shape[1]))
    scale = np.sqrt(2 / width)
    start = scale * np.maximum(x @ hidden, 0) @ outer
    largest = np.linalg.eigvalsh(relu_tangent_kernel(x, x))[-1]
    rate = 1 / (1.2 * largest + penalty)  # a finite network's kernel fluctuates around its limit
    slow = np.sqrt(penalty * rate)
    momentum = (1 - slow) / (1 + slow)
    first, second = hidden.copy(), outer.copy()
    ahead = first.copy(), second.copy()
    for _ in range(iterations):
        active = x @ ahead[0]
        features = np.maximum(active, 0)
        error = scale * features @ ahead[1] - start - y
        slope_second = scale * features.T @ error + penalty * (ahead[1] - outer)
        slope_first = x.T @ (scale * (error @ ahead[1].T) * (active > 0)) + penalty * (ahead[0] - hidden)
        moved = ahead[0] - rate * slope_first, ahead[1] - rate * slope_second
        ahead = moved[0] + momentum * (moved[0] - first), moved[1] + momentum * (moved[1] - second)
        first, second = moved
    change = np.maximum(new @ first, 0) @ second - np.maximum(new @ hidden, 0) @ outer
    return scale * change
