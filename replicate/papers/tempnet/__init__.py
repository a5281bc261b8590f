"""Temperature networks through robust optimisation: Qiu, Guo, Xu, Zhao, Zhang, Yang (2024), arXiv 2404.04575."""

from .contrastive import MovingAverage, anchor_loss, clip_loss, differences, log_mean_exp
from .dro import dual, dual_curvature, dual_slope, rho_for_entropy, target_entropy, temper
from .robust_loss import robust_cross_entropy, tempered_cross_entropy
from .temperature_solver import exact_temperature
from .tempnet import ContrastiveTempNet, TempNet

__all__ = [
    "ContrastiveTempNet",
    "MovingAverage",
    "TempNet",
    "anchor_loss",
    "clip_loss",
    "differences",
    "dual",
    "dual_curvature",
    "dual_slope",
    "exact_temperature",
    "log_mean_exp",
    "rho_for_entropy",
    "robust_cross_entropy",
    "target_entropy",
    "temper",
    "tempered_cross_entropy",
]
