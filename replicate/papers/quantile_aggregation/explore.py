"""Interactive views for the notebook; every one has a static twin among the figures."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import look

from .isotonic import ISOTONIZERS
from .levels import even_levels
from .scores import mean_pinball


def sliders() -> ipywidgets.interactive:
    """Return sliders for five crossing quantiles and y that show what every isotonizer does to them and to the loss."""

    def draw(q2: float, q3: float, q4: float, y: float) -> None:
        q, levels = np.array([[1.0, q2, q3, q4, 3.5]]), even_levels(5)
        _, axes = plt.subplots(figsize=(7, 3))
        for number, (name, isotonize) in enumerate(ISOTONIZERS.items()):
            fixed = isotonize(q)
            axes.plot(levels, fixed[0], **look(number), label=f"{name}: {mean_pinball([y], fixed, levels):.4f}")
        axes.axhline(y, color="0.6", linestyle=":")
        axes.set(xlabel="level", ylabel="quantile")
        axes.legend(frameon=False, title="mean pinball loss")
        plt.show()

    def slider(value: float) -> ipywidgets.FloatSlider:
        return ipywidgets.FloatSlider(value=value, min=0, max=5, step=0.05)

    return ipywidgets.interactive(draw, q2=slider(3), q3=slider(2), q4=slider(4), y=slider(2.75))
