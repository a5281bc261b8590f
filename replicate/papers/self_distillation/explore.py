"""Interactive view for the notebook; its static twins are the figures of fits and shrinkages."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import BLUE

from . import shrinkage, toy


def draw(weight: float, steps: int, log_penalty: float) -> plt.Figure:
    """Draw the toy's student after ``steps`` steps beside its first fit, and what is left of each eigen-direction."""
    seen, penalty = toy.on_grid(), float(10**log_penalty)
    path = seen.path(penalty, [weight] * (steps - 1))[..., 0]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
    left.plot(toy.GRID, path[0], color="0.7", label="first fit")
    left.plot(toy.GRID, path[-1], color=BLUE, label=f"step {steps}")
    left.plot(toy.GRID, toy.truth(toy.GRID), color="0.5", linestyle=":", label="sin $2\\pi x$")
    left.plot(toy.INPUTS, toy.TARGETS, "kx")
    left.set(xlabel="x", ylabel="f(x)", ylim=(-1.5, 1.5), title=f"loss {float(toy.toy_losses(path[-1][:, None])):.5f}")
    left.legend(frameon=False, fontsize=7)
    left_over = shrinkage.after(seen.eigenvalues, penalty, weight, steps)
    places = np.arange(1, len(left_over) + 1)
    right.bar(places, shrinkage.ridge(seen.eigenvalues, penalty), color="0.85", label="first fit")
    right.bar(places, left_over, color=BLUE, label=f"step {steps}")
    right.set(xlabel="eigen-direction k", ylabel="$B_k$", ylim=(min(0.0, float(left_over.min())), 1.05))
    right.legend(frameon=False, fontsize=7)
    for axes in (left, right):
        axes.locator_params(nbins=4)  # every tick costs two milliseconds, and a hand is on the slider
    return figure


def sliders() -> ipywidgets.interactive:
    """Return sliders over weight, steps and penalty of the toy."""

    def show(weight: float, steps: int, log_penalty: float) -> None:
        draw(weight, steps, log_penalty)
        plt.show()

    return ipywidgets.interactive(
        show,
        weight=ipywidgets.FloatSlider(value=0.25, min=-1, max=1, step=0.05, description="alpha"),
        steps=ipywidgets.IntSlider(value=6, min=1, max=40, description="steps"),
        log_penalty=ipywidgets.FloatSlider(value=-0.7, min=-3, max=1, step=0.1, description="log10 lambda"),
    )
