"""Interactive views for the notebook; every one has a static twin among the figures."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import RED

from .infinite_width import spectrum
from .network import RandomNet
from .targets import TARGETS


def sliders() -> ipywidgets.interactive:
    """Return sliders over bandwidth and width that show the fit and the number of nodes worth having."""
    x = np.linspace(0, 1, 600).reshape(-1, 1)

    def draw(target: str, activation: str, placement: str, bandwidth: float, width: int, draw: int) -> None:
        y = TARGETS[target](x[:, 0])
        net = RandomNet(bandwidth, width, activation=activation, placement=placement, random_state=draw).fit(x, y)
        error = np.sqrt(np.mean((net.predict(x) - y) ** 2))
        _, axes = plt.subplots(figsize=(8, 3))
        axes.plot(x, y, color="black", linewidth=1)
        axes.plot(x, net.predict(x), color=RED, linewidth=1)
        axes.set(xlabel="x", ylabel="f(x)")
        worth = spectrum(bandwidth, activation, nodes=60).effective_width()
        axes.set_title(f"RMSE {error:.2g}; rank {net.rank_} of {width}, N = {worth}; |c| = {net.coefficient_norm_:.1e}")
        plt.show()

    return ipywidgets.interactive(
        draw,
        target=list(TARGETS),
        activation=["sigmoid", "tanh", "gauss", "relu", "cos"],
        placement=["box", "placed", "cauchy", "ball", "gaussian"],
        bandwidth=ipywidgets.FloatLogSlider(value=10, base=10, min=-0.5, max=2.6, step=0.05),
        width=ipywidgets.IntSlider(value=100, min=5, max=500, step=5),
        draw=ipywidgets.IntSlider(value=0, min=0, max=20),
    )
