"""OPS-SAT: labelled segments of an ESA CubeSat's telemetry, eighteen features each, with an official split."""

import numpy as np
from sklearn import metrics
from sklearn.ensemble import AdaBoostClassifier, ExtraTreesClassifier, IsolationForest
from sklearn.preprocessing import StandardScaler

from replicate.datasets import load_telemetry

from .boosting import Trees, predict

FEATURES = (
    *("mean", "var", "std", "len", "duration", "len_weighted", "gaps_squared", "n_peaks", "smooth10_n_peaks"),
    *("smooth20_n_peaks", "var_div_duration", "var_div_len", "diff_peaks", "diff2_peaks", "diff_var", "diff2_var"),
    *("kurtosis", "skew"),
)
DETECTORS = ("isolation forest", "AdaBoost", "extra trees", "XGBoost", "length alone")


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return train features (1594, 18) and labels, test features (529, 18) and labels; scaled by nominal train rows."""
    table = load_telemetry("opssat")
    train, test = table[table["train"] == 1], table[table["train"] == 0]
    scaler = StandardScaler().fit(train.loc[train["anomaly"] == 0, list(FEATURES)].to_numpy())
    x, held = (scaler.transform(part[list(FEATURES)].to_numpy()) for part in (train, test))
    return x, train["anomaly"].to_numpy(), held, test["anomaly"].to_numpy()


def scores(detector: str, seed: int, trees: Trees) -> dict[str, float]:
    """Fit a detector on the official training rows and score it on the test rows.

    Returns:
        accuracy, precision, recall, F1, MCC of its own decisions; AUC-PR and AUC-ROC of its score.
    """
    x, y, held, truth = data()
    if detector == "isolation forest":
        forest = IsolationForest(n_estimators=100, contamination=0.1, random_state=seed, n_jobs=1).fit(x)
        flagged, strange = forest.predict(held) == -1, -forest.decision_function(held)
    elif detector == "AdaBoost":
        model = AdaBoostClassifier(random_state=seed).fit(x, y)
        flagged, strange = model.predict(held), model.predict_proba(held)[:, 1]
    elif detector == "extra trees":
        model = ExtraTreesClassifier(n_estimators=500, random_state=seed, n_jobs=1).fit(x, y)
        flagged, strange = model.predict(held), model.predict_proba(held)[:, 1]
    elif detector == "XGBoost":
        strange = predict(trees.fit(x, y), held)
        flagged = strange > 0.5
    elif detector == "length alone":
        strange = held[:, FEATURES.index("len")]
        flagged = strange > np.quantile(x[:, FEATURES.index("len")], 0.9)
    else:
        raise ValueError(f"unknown detector {detector!r}; there are {', '.join(DETECTORS)}")
    return {
        "accuracy": float(metrics.accuracy_score(truth, flagged)),
        "precision": float(metrics.precision_score(truth, flagged)),
        "recall": float(metrics.recall_score(truth, flagged)),
        "F1": float(metrics.f1_score(truth, flagged)),
        "MCC": float(metrics.matthews_corrcoef(truth, flagged)),
        "AUC-PR": float(metrics.average_precision_score(truth, strange)),
        "AUC-ROC": float(metrics.roc_auc_score(truth, strange)),
    }
