"""Interactive views for the notebook; every one has a static twin among the figures."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import BLUE

from .toy import N_GROUPS, performance


def toy_slider(draws: int = 50) -> ipywidgets.interactive:
    """Return a slider over d that draws fresh subspaces of the toy problem and shows their performance."""

    def draw(dim: int) -> None:
        found = performance([dim], draws, rng=np.random.default_rng(dim))[0]
        axes = plt.figure(figsize=(5, 2.4)).gca()
        axes.hist(found, bins=np.linspace(0, 1, 21).tolist(), color=BLUE)
        axes.set(xlabel="performance", ylabel="draws", title=f"d = {dim} of {N_GROUPS} constraints")
        plt.show()

    return ipywidgets.interactive(draw, dim=ipywidgets.IntSlider(value=9, min=1, max=15, description="d"))
