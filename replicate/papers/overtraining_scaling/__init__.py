"""Scaling laws for over-trained language models, with intervals: Gadre et al. (2024), arXiv 2403.08540."""

from .laws import ErrorLaw, LossLaw, fit_error, fit_loss
from .separable import Fit, Law, fit

__all__ = ["ErrorLaw", "Fit", "Law", "LossLaw", "fit", "fit_error", "fit_loss"]
