"""A draw as the store holds it: the attempts of one model under one name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.models.model import Model
from mathb_kit.store.store import Store, checked_name

# One run seed for the whole project unless a caller asks for another.
RUN_SEED = 20251113


@dataclass(frozen=True)
class StoredDraw:
    """What sampling and grading need of a draw; `mathb_kit.draw.Draw` is the one to use, with their verbs.

    Attributes:
        store: where its attempts, answers and verdicts are.
        model: what its attempts are sampled from.
        name: another name gives fresh attempts.
        run_seed: seed that all chunk seeds derive from.
        mix_engines: let an engine add to what another engine began.
    """

    store: Store
    model: Model
    name: str = "main"
    run_seed: int = RUN_SEED
    mix_engines: bool = False

    def __post_init__(self) -> None:
        checked_name(self.name)  # before anything is loaded or sampled

    @cached_property
    def model_key(self) -> str:
        """``model.key()``, made once: for a local model it is a hash of all weights."""
        return self.model.key()

    def done(self) -> dict[str, set[int]]:
        """See `Store.done`."""
        return self.store.done(self.model_key, self.name)

    def attempts(
        self,
        problems: Collection[str] | None = None,
        columns: Sequence[str] | None = None,
        first: int | None = None,
    ) -> pd.DataFrame:
        """See `Store.read_attempts`."""
        return self.store.read_attempts(self.model_key, self.name, problems, columns, first)

    def text_hashes(self, problems: Collection[str] | None = None) -> pd.DataFrame:
        """See `Store.read_text_hashes`."""
        return self.store.read_text_hashes(self.model_key, self.name, problems)

    def engines(self) -> dict[str | None, int]:
        """See `Store.engines`."""
        return self.store.engines(self.model_key, self.name)

    def commit(self, rows: Mapping[str, Sequence[Any]], provenance: Mapping[str, Any]) -> str:
        """See `Store.commit_attempts`."""
        return self.store.commit_attempts(self.model_key, self.name, rows, provenance)

    def __getstate__(self) -> dict[str, Any]:
        # What is pickled goes to another process. That one may have another working folder, so paths are absolute, and
        # it must not hash the weights again, so the key goes along.
        model, store = with_absolute_paths(self.model), Store(self.store.root.resolve())
        return {**self.__dict__, "store": store, "model": model, "model_key": self.model_key}


def with_absolute_paths(model: Model) -> Model:
    """The same model for a process with another working folder."""
    paths = {name: getattr(model, name) for name in ("source", "template", "adapter")}
    return replace(model, **{name: str(Path(p).resolve()) for name, p in paths.items() if p and Path(p).exists()})
