"""The library's front door: a scikit-learn regressor that stacks quantile models."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from . import conformal
from .base import QuantileModel
from .calibrated import CalibratedIntervals
from .catalogue import PAPERS_SIX, make_model
from .cross_calibrated import CrossCalibratedIntervals
from .gate_fit import GateSettings, Sample, fit_gate
from .levels import check_levels, position
from .nested_cv import fit_nested
from .scores import mean_pinball
from .stacking import Split, split, stack
from .training_curve import Schedule


class QuantileAggregator(RegressorMixin, BaseEstimator):
    """Combine quantile models with weights that may depend on model, level and features.

    Base models are fitted to 80 % of the rows; their out-of-fold quantiles train the aggregator, the other 20 % stop
    it. Nothing is trained on quantiles of rows the base model has seen.

    Args:
        models: short names (`catalogue.MODELS`), `QuantileModel` objects, or a mapping of names to either; None is the
            paper's six.
        levels: quantile levels; None is 0.05, 0.10, ..., 0.95.
        resolution: "coarse" (a weight a model), "medium" (a model and level) or "fine" (every pair of levels).
        local: whether weights depend on the features.
        folds: K of the out-of-fold predictions.
        validation: share of the rows that stops training.
        margin, margin_scale, penalty_weight: crossing penalty ("none", "single", "vector", "adaptive").
        layer: isotonizer inside the training loss ("none", "sort", "pava", "sweep").
        post: isotonizer of predictions; "sort" and "pava" never make the pinball loss larger.
        hidden, layers, dropout, lr, weight_decay, batch, max_steps, check_every, patience: of the aggregator.
        validation_mode: "clean", or "paper_code" for the authors' leaking validation.
        random_state: seed or generator of everything random.
        device: "cpu" or "cuda".

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(size=(100, 2))
        >>> y = X[:, 0] + 0.1 * rng.normal(size=100)
        >>> few = {"folds": 2, "max_steps": 20, "check_every": 10}  # the defaults take minutes
        >>> fitted = QuantileAggregator(models=["QRF", "QXT"], levels=[0.1, 0.5, 0.9], **few).fit(X, y)
        >>> quantiles = fitted.predict(X, [0.1, 0.5, 0.9])
        >>> quantiles.shape, bool((np.diff(quantiles) >= 0).all())
        ((100, 3), True)
    """

    def __init__(
        self,
        models=None,
        levels=None,
        resolution="fine",
        local=True,
        folds=5,
        validation=0.2,
        margin="single",
        margin_scale=1e-3,
        penalty_weight=1.0,
        layer="none",
        post="sort",
        hidden=64,
        layers=2,
        dropout=0.05,
        lr=1e-3,
        weight_decay=1e-7,
        batch=None,
        max_steps=2000,
        check_every=50,
        patience=500,
        validation_mode="clean",
        random_state=0,
        device="cpu",
    ):
        self.models = models
        self.levels = levels
        self.resolution = resolution
        self.local = local
        self.folds = folds
        self.validation = validation
        self.margin = margin
        self.margin_scale = margin_scale
        self.penalty_weight = penalty_weight
        self.layer = layer
        self.post = post
        self.hidden = hidden
        self.layers = layers
        self.dropout = dropout
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch = batch
        self.max_steps = max_steps
        self.check_every = check_every
        self.patience = patience
        self.validation_mode = validation_mode
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> "QuantileAggregator":
        """Fit base models and aggregator to features ``(n, d)`` (array or DataFrame of numbers) and targets ``(n,)``.

        Raises:
            ValueError: wrong shapes, NaN (impute first, e.g. with `preprocess.Tabular` in a pipeline), a constant
                target, levels outside (0, 1), fewer rows than folds; says which.
        """
        X, y, seed, parts = self._prepare(X, y)
        self._learn_scales(X, y)
        rows, models = self._rows(X, y, parts), self._models(seed)
        stacked = stack(models, **rows, levels=self.levels_, folds=self.folds, mode=self.validation_mode)
        train = Sample(rows["train"][0], stacked.z_train, rows["train"][1])
        stop = Sample(rows["validation"][0], stacked.z_validation, rows["validation"][1])
        generator = torch.Generator().manual_seed(seed)
        self.gate_ = fit_gate(train, stop, self.levels_, self._settings(), generator, device=self.device)
        self.stacked_, self.names_ = stacked, list(models)
        return self

    def predict(self, X: ArrayLike, levels: ArrayLike | None = None) -> np.ndarray:
        """Return quantiles ``(n, m)`` at ``levels``; without levels the median (or most central level), ``(n,)``.

        Raises:
            ValueError: a level that is not among those of the fit.
        """
        check_is_fitted(self)
        wanted = self.levels_ if levels is None else check_levels(levels)
        places = [position(self.levels_, level) for level in wanted]
        X = self.inputs(X)
        q = self.gate_.predict(X, self.stacked_.quantiles(X)) * self.scale_ + self.mean_
        return q[:, np.argmin(np.abs(self.levels_ - 0.5))] if levels is None else q[:, places]

    def predict_base(self, X: ArrayLike, levels: ArrayLike | None = None) -> dict[str, np.ndarray]:
        """Return the base models' quantiles by name, ``(n, m)`` each."""
        check_is_fitted(self)
        wanted = self.levels_ if levels is None else check_levels(levels)
        places = [position(self.levels_, level) for level in wanted]
        z = self.stacked_.quantiles(self.inputs(X))
        return {name: z[:, i, places] * self.scale_ + self.mean_ for i, name in enumerate(self.names_)}

    def weights(self, X: ArrayLike) -> np.ndarray:
        """Return the weights at ``X``: ``(n, p)`` coarse, ``(n, p, m)`` medium, ``(n, m, p, m)`` fine.

        Fine weights have the output level first, then model and base level. Global weights have n = 1.
        """
        check_is_fitted(self)
        found = self.gate_.weights(self.inputs(X))
        if self.resolution != "fine":
            return found
        return found.reshape(len(found), len(self.levels_), len(self.names_), -1)

    def calibrate(self, X: ArrayLike, y: ArrayLike, alpha: float = 0.2) -> CalibratedIntervals:
        """Return split-conformal intervals calibrated on rows the aggregator has not seen (CQR).

        Raises:
            ValueError: alpha / 2 or 1 - alpha / 2 is not among the levels of the fit.
        """
        ends = self.predict(X, [alpha / 2, 1 - alpha / 2])
        scores = conformal.conformity(np.asarray(y, dtype=np.float64), ends[:, 0], ends[:, 1])
        return CalibratedIntervals(self, alpha, conformal.split_margin(scores, alpha), len(scores))

    def cross_calibrate(self, X: ArrayLike, y: ArrayLike) -> CrossCalibratedIntervals:
        """Return CV+ intervals from training rows alone, by K aggregators that each leave out one fold.

        Needs no fit before and no rows of its own: K (K - 1) / 2 + K fits of each base model take the place of a
        calibration set. Features and target are scaled by the rows that stop training, which belong to no fold.

        Raises:
            ValueError: as `fit`; fewer than 3 folds.
        """
        if self.folds < 3:
            raise ValueError(f"folds is {self.folds}; CV+ of an aggregator leaves out pairs of folds, give at least 3")
        whole = clone(self)
        X, y, seed, parts = whole._prepare(X, y)
        whole._learn_scales(X[parts.validation], y[parts.validation])
        rows, seeds = whole._rows(X, y, parts), np.random.default_rng(seed).integers(2**31, size=self.folds).tolist()
        _, nested = fit_nested(
            whole._models(seed),
            **rows,
            levels=whole.levels_,
            settings=whole._settings(),
            seeds=seeds,
            folds=self.folds,
            device=self.device,
        )
        return CrossCalibratedIntervals(whole, nested)

    def inputs(self, X: ArrayLike) -> np.ndarray:
        """Return features as the models see them: checked against those of the fit and standardised, ``(n, d)``."""
        return self._x(validate_data(self, X, dtype=np.float64, reset=False))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return minus the mean pinball loss over all levels, in the unit of y (larger is better)."""
        return -mean_pinball(y, self.predict(X, self.levels_), self.levels_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # `score` is a loss, not R^2
        tags.non_deterministic = False
        return tags

    def _prepare(self, X, y) -> tuple[np.ndarray, np.ndarray, int, Split]:
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64, ensure_min_samples=2)
        self.levels_ = check_levels(np.arange(1, 20) / 20 if self.levels is None else self.levels)
        self._check(y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return X, y, seed, split(len(y), np.random.default_rng(seed), test=0.0, validation=self.validation)

    def _rows(self, X: np.ndarray, y: np.ndarray, parts: Split) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {name: (self._x(X[r]), self._y(y[r])) for name, r in vars(parts).items() if name != "test"}

    def _check(self, y: np.ndarray) -> None:
        if np.ptp(y) == 0:
            raise ValueError(f"the target is constant ({y[0]:g}): its quantiles are all that value, nothing to learn")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation is {self.validation}; it is a share of the rows, between 0 and 1")
        left = len(y) - max(1, round(self.validation * len(y)))
        if left < self.folds:
            raise ValueError(
                f"n_samples = {len(y)}: {left} training rows cannot be divided into {self.folds} folds; "
                "give more rows or fewer folds"
            )

    def _models(self, seed: int) -> dict[str, QuantileModel]:
        given = list(PAPERS_SIX) if self.models is None else self.models
        if isinstance(given, str | QuantileModel) or not isinstance(given, Sequence | Mapping) or not len(given):
            raise ValueError("models must be a list or mapping of at least one name or QuantileModel")
        pairs = given.items() if isinstance(given, Mapping) else [(_name(m), m) for m in given]
        found = {}
        for name, model in pairs:
            if name in found:
                raise ValueError(f"two base models are called {name!r}; pass a mapping with different names")
            if isinstance(model, str):
                found[name] = make_model(model, self.levels_, seed, device=self.device)
            elif isinstance(model, QuantileModel):
                found[name] = clone(model).set_params(levels=self.levels_)
            else:
                raise TypeError(
                    f"base model {name!r} is a {type(model).__name__}; it must be a name or a QuantileModel"
                )
        return found

    def _settings(self) -> GateSettings:
        shared = (
            "resolution",
            "local",
            "margin",
            "margin_scale",
            "penalty_weight",
            "layer",
            "post",
            "hidden",
            "layers",
        )
        names = (*shared, "dropout", "lr", "weight_decay", "batch")
        schedule = Schedule(self.max_steps, min(self.check_every, self.max_steps), self.patience)
        return GateSettings(**{name: getattr(self, name) for name in names}, schedule=schedule)

    def _learn_scales(self, X: np.ndarray, y: np.ndarray) -> None:
        self.mean_, self.scale_ = float(y.mean()), float(y.std()) or 1.0
        self.x_mean_, spread = X.mean(0), X.std(0)
        self.x_scale_ = np.where(spread > 0, spread, 1.0)

    def _x(self, X: np.ndarray) -> np.ndarray:
        return (X - self.x_mean_) / self.x_scale_

    def _y(self, y: np.ndarray) -> np.ndarray:
        return (y - self.mean_) / self.scale_


def _name(model: object) -> str:
    return model if isinstance(model, str) else type(model).__name__
