"""How many seeds, images, and images a batch? What the preset default of *BatchNorm only* was chosen by.

Trains every condition of that preset at another size, on replicates from 100 on, which no preset reports, and prints
for each close claim the mean difference, its standard deviation between replicates, and their ratio: what a claim
needs is about ``2.4 / sqrt(seeds)``. Two cores take 10 to 15 minutes for

    python benchmarks/batchnorm_only_pilot.py --train-size 4352 --batch 32
"""

import argparse
import math

from scipy import stats

from replicate.measurement import Measurement
from replicate.papers.batchnorm_only import measures, studies
from replicate.run import Run

FIRST = 100


class Pilot(Run):
    """A run whose replicates are counted from `FIRST`."""

    def sweep(self, unit, configs, *, replicates=1, jobs=None):
        """Run a unit for every configuration and a number of replicates."""
        return super().sweep(unit, configs, replicates=range(FIRST, FIRST + replicates), jobs=jobs)


def close_claims(run: Run, networks: measures.Networks) -> dict[str, Measurement | None]:
    """Return the measurements of the claims that start weights may decide."""
    s, every = run.settings, {"condition": "all"}
    return {
        "C1-chance": networks.accuracies(),
        "C3-depth": networks.ordering("depth", s.depths),
        "C3-width": networks.ordering("width", s.widths, depth=s.width_depth),
        "C5-direction": networks.share_margin({}, every),
        "C6-random": networks.cost_of_zeroing("random"),
        "C7-direction": networks.margin(every, {"condition": "all_but_bn"}),
        "C8-depth": measures.gain_over(networks, "bn", "shortcut_output", "depth", s),
        "C8-width": measures.gain_over(networks, "shortcut_output", "bn", "width", s),
        "C10-start": networks.margin({"norm_init": "oneone"}, {}),
    }


def spread(found: Measurement) -> float:
    """Return the standard deviation between replicates that a t interval was made from."""
    t = float(stats.t.ppf(0.5 + found.confidence / 2, found.n_seeds - 1))
    return (found.ci_high - found.ci_low) / 2 / t * math.sqrt(found.n_seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-size", type=int, default=4352)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--replicates", type=int, default=8)
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    sizes = {"train_size": options.train_size, "batch": options.batch, "seeds": options.replicates}
    run = Pilot("batchnorm_only", preset="default", device="cpu", jobs=options.jobs, **sizes)
    trained = studies.networks(run)
    s = run.settings
    networks = measures.Networks(trained, depth=s.depth, decay=s.decay, dataset=studies.data_label(run))
    for claim, found in close_claims(run, networks).items():
        if found is not None:
            deviation = spread(found)
            ratio = found.estimate / deviation
            print(f"{claim:13s} {found.estimate:7.2f}  deviation {deviation:5.2f}  ratio {ratio:6.2f}")


if __name__ == "__main__":
    main()
