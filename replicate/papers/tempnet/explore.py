"""Interactive view for the notebook; its static twin is the first figure."""

import ipywidgets
import matplotlib.pyplot as plt
import torch

from replicate.drawing import BLUE

from .dro import temper
from .temperature_solver import exact_temperature


def draw(peak: float, tilt: float, rho: float) -> plt.Figure:
    """Draw one row of eight logits, its softmax at tau = 1 and at the exact tau*, which has KL rho from uniform."""
    row = torch.linspace(0, -tilt, 8, dtype=torch.float64)
    row[0] += peak
    best = exact_temperature(row, rho, tau_min=1e-3, tau_max=100.0)
    figure, axes = plt.subplots(figsize=(7, 3))
    for tau, colour, width in ((1.0, "0.7", 0.8), (float(best), BLUE, 0.45)):
        axes.bar(range(8), torch.softmax(row / tau, 0), width, color=colour, label=f"tau = {tau:.3g}")
    left = float(temper(row, best).divergence)
    axes.set(xlabel="candidate", ylabel="probability", title=f"KL at tau* = {left:.3f} nats")
    axes.legend(frameon=False)
    return figure


def sliders() -> ipywidgets.interactive:
    """Return sliders over the row's peak and tilt, and rho."""

    def show(peak: float, tilt: float, rho: float) -> None:
        draw(peak, tilt, rho)
        plt.show()

    return ipywidgets.interactive(
        show,
        peak=ipywidgets.FloatSlider(value=2, min=0.1, max=10, step=0.1),
        tilt=ipywidgets.FloatSlider(value=1, min=0.1, max=5, step=0.1),
        rho=ipywidgets.FloatSlider(value=0.8, min=0.05, max=2.05, step=0.05),
    )
