"""Train two towers in two CPU processes (gloo), every method; each process writes what one alone is compared with."""

import sys
from unittest import mock

import torch
from lightning_fabric import Fabric

from replicate.papers.tempnet import two_towers
from replicate.papers.tempnet.two_towers import METHODS, SCHEDULED, ContrastiveTrial
from replicate.seeds import Seed

CONFIG = {  # halves of digits: towers without BatchNorm, whose statistics differ on CPUs
    **{"pairs": "digits", "side": 8, "roll": 1, "towers": "small", "width": 16, "dim": 16, "precision": "fp32"},
    **{"batch": 64, "epochs": 1, "rate": 2e-3, "tau": 0.05, "rho": 2.5, "tau_rate": 1e-2, "gamma": 0.8},
    **{"tau_min": 0.01, "tau_max": 0.3, "tuning": False, "checkpoint_every": 0},
}
KILLED_AT, EVERY = 13, 5  # steps


class _Killed(Exception):
    pass


def fit(method: str, fabric: Fabric | None = None, **changes) -> tuple[list[float], dict, list[dict]]:
    """Train; return the loss of every step, the towers' weights, and the state of each direction's temperatures."""
    losses, ordinary = [], two_towers.descend

    def recorded(loss, *args, **kwargs):
        def with_record(step):
            value = loss(step)
            losses.append(value.item())
            return value

        ordinary(with_record, *args, **kwargs)

    with mock.patch.object(two_towers, "descend", recorded):
        towers, rules = ContrastiveTrial({**CONFIG, "method": method, **changes}, Seed(0, 0)).run(fabric)
    return losses, towers.state_dict(), [rule.state_dict() for rule in rules.values()]


def fit_killed_once(method: str, fabric: Fabric) -> tuple[list[float], dict, list[dict]]:
    """Train as `fit`, with a kill on the way; the second attempt goes on from the checkpoint both processes read."""
    calls, ordinary = [], two_towers.TwoTowers.forward

    def dies(self, *args):
        calls.append(1)
        if len(calls) == KILLED_AT:
            raise _Killed
        return ordinary(self, *args)

    with mock.patch.object(two_towers.TwoTowers, "forward", dies):
        try:
            fit(method, fabric, checkpoint_every=EVERY)
        except _Killed:
            return fit(method, fabric, checkpoint_every=EVERY)
    raise AssertionError("nothing was killed")


if __name__ == "__main__":
    torch.set_num_threads(1)
    both = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    both.launch()
    found = {method: fit(method, both) for method in (*METHODS, *SCHEDULED)}
    resumed = fit_killed_once("TempNet", both)
    torch.save((both.world_size, found, resumed), f"{sys.argv[1]}/rank{both.global_rank}.pt")
