"""Which outcomes stand for which model of a comparison, from imports and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.foreign.counts import read_foreign_counts
from mathb_kit.foreign.reading import LOGS, format_of
from mathb_kit.foreign.samples import Samples, imported_names, load_samples
from mathb_kit.settings import did_you_mean


@dataclass(frozen=True)
class Arms:
    """What is compared: outcomes of one model and draw each, the set's name, and who sampled and graded.

    Attributes:
        base, tuned, redrawn: outcomes.
        on: name of the set.
        note: for captions.
        attempts: of the base and of each tuned model, see `mathb_kit.judging.attempts_of`; None where there are only
            counts.
        settings: of the same, how they were sampled, as far as anybody said.
    """

    base: pd.DataFrame
    tuned: tuple[pd.DataFrame, ...]
    redrawn: tuple[pd.DataFrame, ...]
    on: str
    note: str
    attempts: tuple[pd.DataFrame | None, ...]
    settings: tuple[Mapping[str, Any], ...]


def open_samples(name: str, **options: Any) -> Samples:
    """What was imported under this name, or a file of counts.

    Args:
        name: of an import, or a path.
        options: of `read_foreign_counts`, for a file.

    Raises:
        MathbError: neither, or a log, whose texts have to be graded once by an import.
    """
    if name in imported_names():
        return load_samples(name)
    path = Path(name)
    if not path.is_file():
        there = imported_names()
        raise MathbError(
            f"{name} is neither a file nor an import{did_you_mean(name, there)}"
            f"{'; imports: ' + ', '.join(there) if there else ''}."
        )
    if (form := format_of(path)) in LOGS:
        raise MathbError(f"{path} is a log ({form}); bring it in once, then name it: mathb import {path} --name NAME.")
    return read_foreign_counts(path, **options)


def arms_of(sources: Sequence[Samples], models: Sequence[str], redrawn: Sequence[str] = ()) -> Arms:
    """The arms of models that these samples hold.

    Args:
        sources: where to look.
        models: the base first; ``MODEL:DRAW`` where a model has several draws.
        redrawn: further draws of the base.

    Raises:
        MathbError: a model that none or several of the sources hold.
    """
    found = {word: _find(sources, word) for word in models}
    base = models[0]
    fresh = [_find(sources, f"{found[base][1]['model'].iloc[0]}:{draw}") for draw in redrawn]
    chosen = [*found.values(), *fresh]
    note = "; ".join(dict.fromkeys(samples.note for samples, _ in chosen))
    outcomes = [rows for _, rows in found.values()]
    on = found[base][0].on
    named = [(samples, *rows[["model", "draw"]].iloc[0]) for samples, rows in found.values()]
    attempts = tuple(samples.attempts(model, draw) for samples, model, draw in named)
    settings = tuple(samples.settings(model) for samples, model, _ in named)
    redraws = tuple(rows for _, rows in fresh)
    return Arms(outcomes[0], tuple(outcomes[1:]), redraws, on, note, attempts, settings)


def _find(sources: Sequence[Samples], word: str) -> tuple[Samples, pd.DataFrame]:
    holders = [each for each in sources if word in each.models]
    if holders:
        model, draw = word, None
    else:
        model, _, draw = word.rpartition(":")
        holders = [each for each in sources if model in each.models]
        # Runs of one base may have come in one by one; then the draw tells which of them is meant.
        holders = [each for each in holders if draw in each.draws(model)] or holders
    if not holders:
        models = list(dict.fromkeys(name for each in sources for name in each.models))
        raise MathbError(f"There is no model {word!r}{did_you_mean(word, models)}; there are {', '.join(models)}.")
    if len(holders) > 1:
        raise MathbError(f"{model} is in {len(holders)} of the sources; rename it in one of them, or leave one out.")
    return holders[0], holders[0].arm(model, draw)
