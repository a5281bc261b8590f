"""Interactive views for the notebook; every one has a static twin among the figures."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import BLUE, RED

from .laws import LossLaw
from .published import laws


def sliders() -> ipywidgets.interactive:
    """Return sliders over compute and exponent: which M is best, and what over-training costs (RedPajama's law)."""
    printed = laws()["RedPajama"][0]
    multipliers = np.geomspace(1, 1000, 120)

    def draw(log_compute: float, eta: float) -> None:
        law, compute = LossLaw(printed.E, printed.a, printed.b, eta), 10**log_compute
        _, axes = plt.subplots(figsize=(6, 3))
        axes.plot(multipliers, law.at(compute, multipliers), color=BLUE)
        axes.plot(law.best_multiplier, law.at(compute, law.best_multiplier), "o", color=RED)
        size = np.sqrt(compute / (6 * law.best_multiplier))
        title = f"best M = {law.best_multiplier:.1f} ({size / 1e9:.2g}B parameters)"
        axes.set(xscale="log", xlabel="M, tokens a parameter", ylabel="loss", title=title)
        plt.show()

    compute = ipywidgets.FloatSlider(value=21, min=17, max=25, step=0.5)
    return ipywidgets.interactive(
        draw, log_compute=compute, eta=ipywidgets.FloatSlider(value=0.136, min=0.1, max=0.18, step=0.002)
    )
