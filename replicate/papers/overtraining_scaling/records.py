"""The released measurements of 104 models as one tidy table; without them a table made from the published laws."""

import functools
import io
import json
import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from replicate import datasets
from replicate.errors import UserError, nearest

from .published import laws

FILE, DATASET, GENERATED = "scaling/exp_data.tar.gz", "scaling", "generated"
SETS = {"c4_original": "C4", "rpj": "RedPajama", "rw_original": "RefinedWeb"}
SIZES = {
    "d=96_l=8_h=4": "0.011B",
    "d=512_l=8_h=4": "0.079B",
    "d=576_l=24_h=8": "0.154B",
    "d=1024_l=24_h=8": "0.411B",
    "open_lm_1b": "1.4B",
    "open_lm_7b": "6.9B",
}
PARAMETERS = (10_569_312, 78_914_048, 153_677_376, 411_616_256, 1_439_795_200, 6_889_410_560)
LARGEST_M = {"C4": 80, "RedPajama": 640, "RefinedWeb": 320}  # of the 1.4B runs
EVALUATIONS = (
    "openlm",
    "c4_val",
    "paloma_c4_en",
    "paloma_dolma_100_programing_languages",
    "paloma_falcon-refinedweb",
    "paloma_ptb",
    "paloma_redpajama",
    "val_de-en_100",
)
TASKS_17 = (
    "bigbench_operators", "pubmed_qa_labeled", "hellaswag_zeroshot", "boolq", "arc_easy", "coqa",
    "bigbench_dyck_languages", "lambada_openai", "bigbench_novel_concepts", "winograd", "bigbench_cs_algorithms",
    "commonsense_qa", "bigbench_qa_wikidata", "hellaswag", "copa", "squad", "piqa",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Testbed:
    """What was measured.

    Args:
        runs: one row a model: ``training_set``, ``size``, ``N`` parameters (with embeddings), ``N_core`` (without),
            ``D`` tokens, ``M`` = D/N, ``C`` = 6ND, and a loss in nats a token under the name of each evaluation.
        errors: top-1 errors in [0, 1], rows as in ``runs``, a column a task.
        tasks: by task: ``questions`` and ``chance``, the error of guessing.
        source: ``scaling``, or ``generated`` for a table made from the published laws.
    """

    runs: pd.DataFrame
    errors: pd.DataFrame
    tasks: pd.DataFrame
    source: str

    def average(self, tasks=TASKS_17) -> np.ndarray:
        """Return the uniform average of errors over tasks, one a run."""
        return self.errors[list(tasks)].mean(axis=1).to_numpy()

    def noise(self, tasks=TASKS_17) -> np.ndarray:
        """Return the binomial standard error of that average, one a run: sqrt(sum e (1 - e) / n) / tasks."""
        e = self.errors[list(tasks)]
        return np.sqrt((e * (1 - e) / self.tasks["questions"].loc[list(tasks)]).sum(axis=1).to_numpy()) / len(tasks)

    def of(self, training_set: str) -> "Testbed":
        """Return the runs of one training set; ``UserError`` for another name."""
        if training_set not in SETS.values():
            raise UserError(f"no training set {training_set!r}: {nearest(training_set, SETS.values())}")
        chosen = (self.runs["training_set"] == training_set).to_numpy()
        runs, errors = (frame[chosen].reset_index(drop=True) for frame in (self.runs, self.errors))
        return Testbed(runs, errors, self.tasks, self.source)


def source() -> str:
    """Return ``scaling`` if the records are on this machine or can be fetched, else ``generated``."""
    return DATASET if _at_hand(os.environ.get("REPLICATE_DATA", "")) else GENERATED


@functools.cache
def _at_hand(mirror: str) -> bool:
    """Ask once a process and mirror: without a network every answer takes seconds."""
    try:
        datasets.fetch(FILE)
    except datasets.Unavailable:
        return False
    return True


@functools.cache
def load(which: str) -> Testbed:
    """Return the testbed ``scaling`` or ``generated``; ``UserError`` for another name, ``DataError`` if corrupt."""
    if which == GENERATED:
        return generated()
    if which != DATASET:
        raise UserError(f"no records {which!r}: {nearest(which, (DATASET, GENERATED))}")
    files = _files()
    models = {name: json.loads(text) for name, text in files.items() if name.startswith("exp_data/models/")}
    runs = pd.DataFrame([_run(model) for model in models.values()])
    errors = pd.DataFrame([_errors(files, model["name"]) for model in models.values()])
    order = runs.sort_values(["training_set", "N", "M"]).index
    return Testbed(
        runs.loc[order].reset_index(drop=True), errors.loc[order].reset_index(drop=True), _tasks(files), which
    )


def grid_search() -> pd.DataFrame:
    """Return the 435 runs of the grid search: ``name``, ``N`` = D/20, ``D``, ``C``, ``loss`` (OpenLM evaluation)."""
    rows = json.loads(_files()["exp_data/grid.json"])
    frame = pd.DataFrame({"name": list(rows), "loss": list(rows.values())})
    tokens = frame["name"].str.split("-").str[5].astype(float)
    return frame.assign(D=tokens, N=tokens / 20, C=6 * tokens**2 / 20)


@functools.cache
def _files() -> dict[str, bytes]:
    return datasets.load_members(FILE)


def _run(model: dict) -> dict[str, object]:
    found = model["hyperparameters"]
    n, d = float(found["params"]), float(found["tokens"])  # 6 N D exceeds int64
    losses = {_evaluation(result["val_data"][0]): float(result["loss"]) for result in model["results"]}
    size = SIZES[model["name"].removeprefix(f"{model['dataset_name']}-").rpartition("-")[0]]
    known = {"training_set": SETS[model["dataset_name"]], "size": size}
    return {**known, "N": n, "N_core": float(found["params_no_embed"]), "D": d, "M": d / n, "C": 6 * n * d, **losses}


def _evaluation(path: str) -> str:
    folder, file = path.split("/")[-2:]
    return file.removesuffix(".tar") if file.startswith("val_de-en") else folder


def _errors(files: dict[str, bytes], name: str) -> dict[str, float]:
    found = json.loads(files[f"exp_data/evals/evaluation_{name}_heavy.json"])["eval_metrics"]["icl"]
    return {task: 1 - accuracy for task, accuracy in found.items()}


def _tasks(files: dict[str, bytes]) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(files["exp_data/eval_metadata.csv"])).set_index("Eval Task")
    chance = 1 - table["Random baseline"] / 100
    return pd.DataFrame({"questions": table["#datapoints"].astype(float), "chance": chance})


def generated() -> Testbed:
    """Return a table of the same 104 runs whose losses and errors lie exactly on the published laws (table 6).

    Every evaluation has the same losses and every task the same errors: enough to run, nothing to judge a claim by.
    """
    runs = pd.DataFrame([_generated_run(*point) for point in _points()])
    pairs = zip(runs["training_set"], runs["c4_val"], strict=True)
    error = np.array([laws()[training_set][1].at(loss) for training_set, loss in pairs])
    errors = pd.DataFrame(dict.fromkeys(TASKS_17, error))
    tasks = pd.DataFrame({"questions": 1000.0, "chance": 0.75}, index=list(TASKS_17))
    return Testbed(runs, errors, tasks, GENERATED)


def _points():
    for training_set in SETS.values():
        for number, (size, n) in enumerate(zip(SIZES.values(), PARAMETERS, strict=True)):
            large = (20, LARGEST_M[training_set]) if size == "1.4B" else (20,)
            for m in large if number > 3 else (5, 10, 20, 40, 80, 160, 320, 640):
                if (training_set, size, m) != ("C4", "0.411B", 640):  # too few tokens for it
                    yield training_set, size, float(n), float(m)


def _generated_run(training_set: str, size: str, n: float, m: float) -> dict[str, object]:
    loss = laws()[training_set][0].at_size(n, n * m)
    shape = {"training_set": training_set, "size": size, "N": n, "N_core": n, "D": n * m, "M": m, "C": 6 * n * n * m}
    return {**shape, **dict.fromkeys(EVALUATIONS, loss)}
