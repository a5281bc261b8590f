"""A run for others to keep: an RO-Crate (version 1.1) with its notebook, tables, figures, manifest and data origins.

The crate is one zip file that any archive takes. Its ``ro-crate-metadata.json`` says what each file is, which run
made it with which version of the suite, which paper it replicates, and where the data come from under which licence.
"""

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replicate import datasets
from replicate.errors import UserError
from replicate.report import Result, summary

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

LICENCE = "https://spdx.org/licenses/BSD-3-Clause"
FORMATS = {
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".ipynb": "application/x-ipynb+json",
}
KINDS = {"tables": "table", "figures": "figure"}


def export(result: Result, target: Path) -> Path:
    """Write a complete run as the zip file ``target`` and return its path.

    Raises:
        UserError: the package ``rocrate`` is missing.
    """
    if find_spec("rocrate") is None:
        raise UserError("an RO-Crate needs rocrate: 'make report' installs it, or pip install --editable '.[report]'")
    crate = describe(result)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.stem}.partial-{os.getpid()}.zip")
    crate.write_zip(staged)
    os.replace(staged, target)
    return target


def describe(result: Result) -> "ROCrate":
    """Return the crate of a run: its files and what made them."""
    from rocrate.rocrate import ROCrate

    made = result.manifest
    crate = ROCrate(version="1.1")
    crate.name = f"Replication of '{made['title']}', preset {made['preset']}"
    crate.description = f"Executed notebook, tables, figures and verdicts ({summary(result.claims)})."
    crate.datePublished = made["finished"]
    paper, suite = _paper(crate, made), _suite(crate, made)
    crate.root_dataset["license"] = _entity(crate, LICENCE, "CreativeWork", name="BSD 3-Clause License")
    crate.root_dataset["isBasedOn"] = paper
    maintainers = _entity(crate, "#maintainers", "Organization", name="The replicate maintainers")
    crate.root_dataset["author"] = crate.root_dataset["publisher"] = maintainers
    files = [_file(crate, result, name) for name in _names(result)]
    data = [origin for name in _datasets(made) for origin in _origins(crate, name)]
    crate.root_dataset["mentions"] = crate.add_action(
        suite,
        identifier="#run",
        object=data,
        result=files,
        properties={"name": f"Run of {result.slug}", "endTime": made["finished"], "description": _machine(made)},
    )
    return crate


def _names(result: Result) -> list[str]:
    """Return the run's files, its manifest with them; a notebook beside a snapshot is not part of it."""
    return [*result.manifest["files"], "manifest.json"]


def _file(crate: "ROCrate", result: Result, name: str):
    path = result.path / name
    kind = KINDS.get(name.split("/")[0], path.name)
    properties = {
        "name": f"{kind} {path.stem}" if kind in KINDS.values() else path.name,
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
        "contentSize": str(path.stat().st_size),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return crate.add_file(path, name, properties=properties)


def _datasets(made: dict[str, Any]) -> list[str]:
    """Return the data sets the run was made from, as its manifest names them."""
    names = (key.removeprefix("data ") for key in made.get("ingredients", {}) if key.startswith("data "))
    return [name for name in names if name in datasets.default_registry().datasets()]


def _origins(crate: "ROCrate", dataset: str) -> list:
    """Return what is known about each file of a data set; the files themselves have their own licences and stay out."""
    return [_origin(crate, datasets.entry(name)) for name in datasets.names(dataset)]


def _origin(crate: "ROCrate", entry: datasets.Entry):
    known = {
        "name": entry.name,
        "description": f"Data set {entry.dataset}; origin: {entry.origin}",
        "license": entry.licence,
        "creditText": entry.citation,
        "contentUrl": list(entry.urls) if len(entry.urls) > 1 else next(iter(entry.urls), None),
        "sha256": entry.sha256,
    }
    return _entity(crate, f"#data/{entry.name}", "CreativeWork", **{k: v for k, v in known.items() if v})


def _paper(crate: "ROCrate", made: dict[str, Any]):
    identifier = f"https://arxiv.org/abs/{made['arxiv']}" if made.get("arxiv") else "#paper"
    return _entity(crate, identifier, "ScholarlyArticle", name=made["title"])


def _suite(crate: "ROCrate", made: dict[str, Any]):
    code = made.get("code", {})
    version = f"{code.get('commit') or 'unknown'}{' with changes' if code.get('dirty') else ''}"
    return _entity(crate, "#replicate", "SoftwareApplication", name="replicate", softwareVersion=version)


def _machine(made: dict[str, Any]) -> str:
    return f"{made['seconds']:.0f} s on {made['hardware']['processor']}, device {made['device']}"


def _entity(crate: "ROCrate", identifier: str, kind: str, **properties: Any):
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))
