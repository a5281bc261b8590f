"""Checkpoints of a long training: one file, replaced as a whole, read without running code from it.

>>> kept = Checkpoint.of("tempnet", {"config": config, "seed": [0, 1]})  # doctest: +SKIP
>>> state = kept.load() or fresh_state()                                 # doctest: +SKIP
>>> kept.save({"epoch": 3, "model": model.state_dict()})                 # doctest: +SKIP
"""

import logging
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from replicate import atomic, fingerprint
from replicate.paths import unit_cache_dir

log = logging.getLogger("replicate.checkpoint")
_IDENTITY, _STATE = "identity", "state"


@dataclass(frozen=True)
class Checkpoint:
    """The state of one training on disk.

    Args:
        path: the file; its folder is created when needed.
        identity: what the state depends on, as a short hash; a file of another identity is not taken up.
    """

    path: Path
    identity: str

    @classmethod
    def of(cls, paper: str, ingredients: Mapping[str, object]) -> "Checkpoint":
        """Name a checkpoint by everything it depends on, in ``.cache/checkpoints/<paper>`` beside the cache of units.

        Args:
            paper: the paper's slug.
            ingredients: JSON-like: sources (`code_ingredients`), configuration, seed, data, device.
        """
        identity = fingerprint.digest(dict(ingredients))
        return cls(unit_cache_dir().parent / "checkpoints" / paper / f"{identity}.pt", identity)

    def load(self, device: str = "cpu") -> dict | None:
        """Return the saved state with its tensors on ``device``, or None where there is none to go on from.

        A damaged file (a full disk, another program) is renamed to ``*.damaged`` with a warning: training starts anew.
        """
        if not self.path.is_file():
            return None
        try:
            kept = torch.load(self.path, map_location=device, weights_only=True)
            found = kept[_IDENTITY]
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, KeyError, TypeError) as error:
            self._set_aside("damaged", str(error).splitlines()[0] if str(error) else type(error).__name__)
            return None
        if found != self.identity:
            self._set_aside("foreign", f"it belongs to {found}, wanted {self.identity}")
            return None
        return kept[_STATE]

    def save(self, state: Mapping[str, object]) -> None:
        """Replace the file: tensors, numbers, strings, lists, dicts. A process killed meanwhile leaves the old file."""
        content = {_IDENTITY: self.identity, _STATE: dict(state)}
        atomic.write_with(self.path, lambda temporary: torch.save(content, temporary))

    def remove(self) -> None:
        """Delete the file, if there."""
        self.path.unlink(missing_ok=True)

    def _set_aside(self, why: str, detail: str) -> None:
        aside = self.path.with_suffix(f".{why}")
        os.replace(self.path, aside)
        log.warning("checkpoint %s is unusable (%s): renamed to %s, starting anew", self.path, detail, aside.name)


def code_ingredients(module: str) -> dict[str, dict[str, str]]:
    """Return the sources and library versions a module's results depend on, for `Checkpoint.of`."""
    return {"modules": fingerprint.module_sources(module), "libraries": fingerprint.library_versions(module)}
