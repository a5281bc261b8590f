"""TreeSHAP by tables: path-dependent SHAP values of a boosted model, an order of magnitude faster for shallow trees.

A leaf's path splits on at most D features. Which of them a sample satisfies is one of 2^D patterns, and the leaf's
contribution to every feature depends on the sample through that pattern alone (Yang 2021, arXiv 2109.09847). So all
contributions are tabulated once, and a sample costs one comparison a node and one table row a leaf, instead of the
polynomial bookkeeping of Lundberg et al. (2018) at every node. With z_i the share of training weight that follows
the path at the splits on feature i, A the satisfied features, M their number on the path, w the leaf's value:

``phi_f = w (1[f in A] - z_f) sum_{S subset of A - f} |S|! (M - |S| - 1)! / M! prod_{i not in S, i != f} z_i``
"""

import json
from dataclasses import dataclass
from math import factorial

import numpy as np
import xgboost as xgb
from numba import njit

DEEPEST = 6  # 64 leaves x 64 patterns x 6 features a tree; tables of deeper trees grow eightfold a level


@dataclass(frozen=True, eq=False)
class Tables:
    """Trees flattened one after the other, and their tables.

    Args:
        splits: (nodes,) feature, -1 in leaves; thresholds (nodes,) float32; default_left (nodes,) bool.
        first_node, first_leaf: (trees + 1,) where each tree's nodes and leaves begin.
        steps: (leaves, D) node of each step of the leaf's path (from the tree's first node), -1 = none.
        lefts: (leaves, D) whether the path goes left there; slots: (leaves, D) which path feature it splits on.
        features: (leaves, D) path features, -1 = none.
        table: (leaves, 2^D, D) contributions.
        base: what all contributions are added to.
    """

    splits: np.ndarray
    thresholds: np.ndarray
    default_left: np.ndarray
    first_node: np.ndarray
    first_leaf: np.ndarray
    steps: np.ndarray
    lefts: np.ndarray
    slots: np.ndarray
    features: np.ndarray
    table: np.ndarray
    base: float


def depth(model: xgb.Booster) -> int:
    """Return the largest allowed depth of the model's trees."""
    parameters = json.loads(model.save_config())["learner"]["gradient_booster"]["tree_train_param"]
    return int(parameters["max_depth"])


def tree_shap(tables: Tables, x: np.ndarray) -> np.ndarray:
    """Return SHAP values (n, p) for samples ``x`` (n, p) float32, NaN = missing."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    out = np.zeros(x.shape)
    t = tables
    nodes = t.splits, t.thresholds, t.default_left, t.first_node, t.first_leaf
    _add(x, *nodes, t.steps, t.lefts, t.slots, t.features, t.table, out)
    return out


def tabulate(model: xgb.Booster) -> Tables:
    """Return the tables of a model of depth <= 6 (``ValueError`` beyond)."""
    learner = json.loads(model.save_raw("json"))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    if learner["objective"]["name"] == "binary:logistic":
        base = float(np.log(base / (1 - base)))
    parts = [_tree(tree) for tree in trees]
    width = max((len(path) for part in parts for path in part.paths), default=1) or 1
    if width > DEEPEST:
        raise ValueError(f"trees of depth {width} are too deep to tabulate (at most {DEEPEST}); ask the booster itself")
    leaves = [leaf for part in parts for leaf in _leaves(part, width)]
    steps, lefts, slots, features, shares, values = (np.array(column) for column in zip(*leaves, strict=True))
    counts = (features >= 0).sum(axis=1)
    weights = np.array([[_weight(s, m) for s in range(width + 1)] for m in range(width + 1)])
    return Tables(
        np.concatenate([part.splits for part in parts]),
        np.concatenate([part.thresholds for part in parts]),
        np.concatenate([part.default_left for part in parts]),
        np.cumsum([0, *(len(part.splits) for part in parts)]),
        np.cumsum([0, *(len(part.paths) for part in parts)]),
        steps.astype(np.int64),
        lefts.astype(np.bool_),
        slots.astype(np.int64),
        features.astype(np.int64),
        _fill(shares, values, counts, weights),
        base + sum(part.expected for part in parts),
    )


@dataclass(frozen=True, eq=False)
class _Tree:
    splits: np.ndarray
    thresholds: np.ndarray
    default_left: np.ndarray
    cover: np.ndarray
    paths: list[list[tuple[int, bool, int]]]  # (node, goes left, child) from the root
    ends: list[int]
    expected: float


def _tree(tree: dict) -> _Tree:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    thresholds, cover = np.array(tree["split_conditions"], np.float32), np.array(tree["sum_hessian"], float)
    splits = np.where(left < 0, -1, np.array(tree["split_indices"]))
    paths: list[list[tuple[int, bool, int]]] = []
    ends: list[int] = []
    todo: list[tuple[int, list[tuple[int, bool, int]]]] = [(0, [])]
    while todo:
        node, path = todo.pop()
        if left[node] < 0:
            paths.append(path)
            ends.append(node)
            continue
        todo.append((int(right[node]), [*path, (node, False, int(right[node]))]))
        todo.append((int(left[node]), [*path, (node, True, int(left[node]))]))
    expected = float(np.sum(thresholds[ends].astype(float) * cover[ends]) / cover[0]) if len(ends) > 1 else 0.0
    if len(ends) == 1:
        expected = float(thresholds[0])
    return _Tree(splits, thresholds, np.array(tree["default_left"], bool), cover, paths, ends, expected)


def _leaves(tree: _Tree, width: int):
    """Yield a leaf's path as rows: nodes, directions, slots, features, shares (padded), and its value."""
    for path, end in zip(tree.paths, tree.ends, strict=True):
        features, shares = [], []
        rows = np.full((3, width), -1)
        for place, (node, goes_left, child) in enumerate(path):
            feature = int(tree.splits[node])
            if feature not in features:
                features.append(feature)
                shares.append(1.0)
            slot = features.index(feature)
            shares[slot] *= tree.cover[child] / tree.cover[node]
            rows[:, place] = node, goes_left, slot
        pad = width - len(features)
        padded = [*features, *[-1] * pad], [*shares, *[1.0] * pad]
        yield rows[0], rows[1] > 0, rows[2], *padded, float(tree.thresholds[end])


def _weight(size: int, count: int) -> float:
    return factorial(size) * factorial(count - size - 1) / factorial(count) if size < count else 0.0


@njit(cache=True)
def _fill(shares, values, counts, weights):
    leaves, width = shares.shape
    table = np.zeros((leaves, 1 << width, width))
    for leaf in range(leaves):
        count = counts[leaf]
        for pattern in range(1 << count):
            for f in range(count):
                others = pattern & ~(1 << f)
                total = 0.0
                subset = others
                while True:
                    product, size = 1.0, 0
                    for i in range(count):
                        if subset >> i & 1:
                            size += 1
                        elif i != f:
                            product *= shares[leaf, i]
                    total += weights[count, size] * product
                    if subset == 0:
                        break
                    subset = (subset - 1) & others
                table[leaf, pattern, f] = values[leaf] * ((pattern >> f & 1) - shares[leaf, f]) * total
    return table


@njit(cache=True)
def _add(x, splits, thresholds, default_left, first_node, first_leaf, steps, lefts, slots, features, table, out):
    width = steps.shape[1]
    goes_left = np.empty(np.max(np.diff(first_node)), dtype=np.bool_)
    for tree in range(len(first_node) - 1):
        start, stop = first_node[tree], first_node[tree + 1]
        for row in range(len(x)):
            for node in range(start, stop):
                if splits[node] >= 0:
                    value = x[row, splits[node]]
                    goes_left[node - start] = default_left[node] if np.isnan(value) else value < thresholds[node]
            for leaf in range(first_leaf[tree], first_leaf[tree + 1]):
                pattern = (1 << width) - 1
                for k in range(width):
                    node = steps[leaf, k]
                    if node < 0:
                        break
                    if goes_left[node] != lefts[leaf, k]:
                        pattern &= ~(1 << slots[leaf, k])
                for f in range(width):
                    feature = features[leaf, f]
                    if feature < 0:
                        pattern &= (1 << f) - 1
                        break
                for f in range(width):
                    feature = features[leaf, f]
                    if feature < 0:
                        break
                    out[row, feature] += table[leaf, pattern, f]
