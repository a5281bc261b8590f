"""Interactive views for the notebook; every one has a static twin among the figures."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from replicate.drawing import BLUE, RED

from .events import KINDS
from .network import TEMPERATURES
from .simulator import simulate


def events() -> ipywidgets.interactive:
    """Return a chooser of an event and a temperature that shows ten simulated days with that event."""

    def draw(kind: str, temperature: str, seed: int) -> None:
        found = simulate(10, rng=np.random.default_rng(seed), counts={kind: 1})
        series, column = found.telemetry[temperature], TEMPERATURES.index(temperature)
        _, axes = plt.subplots(figsize=(9, 3))
        axes.plot(series.index, series, color=BLUE)
        disturbed = found.labels[:, column].astype(bool)
        axes.plot(series.index[disturbed], series[disturbed], ".", color=RED, label="disturbed by the event")
        axes.set(
            xlabel="date (UTC)",
            ylabel=f"{temperature}, K",
            title=f"{kind}: {found.events['start'].iloc[0]:%d %b %H:%M}",
        )
        axes.legend(frameon=False)
        plt.show()

    seeds = ipywidgets.IntSlider(value=0, min=0, max=20, description="mission")
    return ipywidgets.interactive(draw, kind=list(KINDS), temperature=list(TEMPERATURES), seed=seeds)
