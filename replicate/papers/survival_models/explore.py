"""Interactive views for the notebook; every one has a static twin among the figures."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import BLUE

from .distribution import APGW


def sliders() -> ipywidgets.interactive:
    """Return sliders over the four parameters that show hazard and survival of the member chosen."""

    def draw(log_phi: float, log_lambda: float, log_gamma: float, kappa: float) -> None:
        member = APGW(np.exp(log_phi), np.exp(log_lambda), np.exp(log_gamma), kappa)
        times = np.geomspace(1e-2, 10, 300)
        _, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8))
        left.plot(times, member.hazard(times), color=BLUE)
        left.set(xlabel="time", ylabel="hazard", title=f"{member.hazard_shape}")
        right.plot(times, member.survival(times), color=BLUE)
        right.axhline(float(member.cure_fraction), color="0.6", linestyle=":")
        right.set(xlabel="time", ylabel="survival", ylim=(0, 1), title=f"cured: {float(member.cure_fraction):.1%}")
        plt.show()

    def slider(value: float, low: float, high: float) -> ipywidgets.FloatSlider:
        return ipywidgets.FloatSlider(value=value, min=low, max=high, step=0.05)

    scales = {"log_phi": slider(0, -2, 2), "log_lambda": slider(0, -2, 2)}
    return ipywidgets.interactive(draw, **scales, log_gamma=slider(0.4, -1, 1.2), kappa=slider(0.5, -0.95, 4))
