"""Interactive view for the notebook: what weight decay alone does to a gamma; its static twin is the table of nulls."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import BLUE
from replicate.schedules import step_drops

from .decay_null import rates, small_by_decay

_STEPS_PER_EPOCH = 391


def draw(log_decay: float, rate: float, epochs: int) -> plt.Figure:
    """Draw what is left of a gamma without gradient, epoch by epoch, at the paper's step schedule."""
    drops = [epochs // 2 * _STEPS_PER_EPOCH, epochs * 3 // 4 * _STEPS_PER_EPOCH]
    every, decay = rates(step_drops(drops), epochs * _STEPS_PER_EPOCH, rate), 10.0**log_decay
    ends = np.arange(1, epochs + 1, max(1, epochs // 40))
    left, velocity, value = [], 0.0, 1.0  # `shrink_factor`, with what is left after every epoch
    for number, step_rate in enumerate(every.tolist(), 1):
        velocity = 0.9 * velocity + decay * value
        value -= step_rate * velocity
        if number % _STEPS_PER_EPOCH == 0:
            left.append(value)
    left = np.array(left)[ends - 1]
    figure, axes = plt.subplots(figsize=(6, 3.2))
    axes.plot(ends, left, "o-", color=BLUE, markersize=3)
    share = small_by_decay(max(left[-1], 1e-300))
    axes.set(
        xlabel="epoch", ylabel="$\\gamma / \\gamma_0$", yscale="log", title=f"{100 * share:.0f} % of U(0, 1) below 0.01"
    )
    return figure


def sliders() -> ipywidgets.interactive:
    """Return sliders over weight decay, rate and epochs."""

    def show(log_decay: float, rate: float, epochs: int) -> None:
        draw(log_decay, rate, epochs)
        plt.show()

    return ipywidgets.interactive(
        show,
        log_decay=ipywidgets.FloatSlider(value=-4, min=-5, max=-3, step=0.1, description="log10 decay"),
        rate=ipywidgets.FloatSlider(value=0.1, min=0.01, max=0.3, step=0.01, description="rate"),
        epochs=ipywidgets.IntSlider(value=160, min=8, max=200, step=8, description="epochs"),
    )
