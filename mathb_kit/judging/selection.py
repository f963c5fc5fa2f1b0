"""Who selected the problems that a tuned model is judged on, and whether the base beside it is that model.

A selection is bound to the model's key (weights, prompt, sampling settings), not to a name: a base asked otherwise is
another model, which has to choose for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mathb_kit.errors import MathbError
from mathb_kit.grading import GRADER_VERSION
from mathb_kit.miniature.sets import FOLDER
from mathb_kit.models import Model, Pair, get_model
from mathb_kit.models.model import Sampling
from mathb_kit.models.registry import model_names
from mathb_kit.problems import ProblemSet, unsolved_column
from mathb_kit.problems.files import record_beside


@dataclass(frozen=True)
class Selection:
    """Which attempts chose the problems.

    Attributes:
        words: the same in words.
        model_key: key of the model that made them; None where nobody recorded it.
        graders: grader versions that judged them; empty where nobody recorded it.
    """

    words: str
    model_key: str | None = None
    graders: tuple[str, ...] = ()


def selection_by_column(on: ProblemSet, pair: Pair, attempts: int) -> Selection | None:
    """The selection that a sieved set's column holds, with what its record (``.provenance.json``) says of it.

    None where there is no such column, or one of fewer attempts, or of the base asked otherwise than now.
    """
    base = pair.base
    if not on.is_sieved_with(base.name) or (on.selected_in or 0) < attempts or not _asked_as_then(on, pair):
        return None
    record = _record(on)
    words = f"the column {unsolved_column(base.name)} of {on.name}"
    return Selection(words, record.get("models", {}).get(base.name), tuple(record.get("grader", ())))


def made_here(on: ProblemSet, pair: Pair, attempts: int, draw: str) -> Selection:
    """The selection by a draw of the base itself, with the reason where the set has a column that did not serve."""
    base, why = pair.base, ""
    if on.is_sieved_with(base.name):
        column = f"the column {unsolved_column(base.name)}"
        if not _asked_as_then(on, pair):
            why = f": {column} is of {base.name} asked otherwise, which is another model"
        else:
            why = f": {column} is of {on.selected_in or 'an unknown number of'} attempts, too few"
    words = f"{attempts:,} attempts of {base.name} at all {len(on)} problems (draw {draw!r}), made here{why}"
    return Selection(words, base.key(), (GRADER_VERSION,))


def refuse_one_model(pair: Pair) -> None:
    """MathbError where base and tuned model are one model, by whatever names."""
    if pair.base.key() == pair.tuned.key():
        raise MathbError(
            f"{pair.tuned.name} and its base {pair.base.name} are the same model under the same settings (key "
            f"{pair.base.key()}), so there is nothing to compare; name the checkpoint that it was tuned from as --base."
        )


def other_base(pair: Pair) -> str | None:
    """The base that the tuned model is registered with, where the one named is another; else None."""
    registered = pair.tuned.base
    if registered is None or registered == pair.base.name:
        return None
    try:
        known = get_model(registered)
    except MathbError:  # its weights or its hub are out of reach: the name is all there is
        return registered
    return None if known.source == pair.base.source or _weights(known) == _weights(pair.base) else registered


def _asked_as_then(on: ProblemSet, pair: Pair) -> bool:
    """Whether the base is asked as it was for the set's column.

    By the key on record. Where there is none, it is taken to have been asked then as its name, or else its checkpoint,
    says; the hub is not asked for it.
    """
    base = pair.base
    if key := _record(on).get("models", {}).get(base.name):
        return key == base.key()
    if not pair.own_base:
        return False
    if not base.is_local and base.name not in model_names():
        return "given" not in base.origins.values()
    known = get_model(base.source if base.is_local else base.name)
    return known == base or known.key() == base.key()


def _weights(model: Model) -> str:
    """A key of the weights alone."""
    return Model("", model.source, revision=model.revision, adapter=model.adapter, sampling=Sampling()).key()


def _record(on: ProblemSet) -> dict:
    """What stands beside a frozen set about its selection; empty where nothing does."""
    return record_beside(FOLDER / f"{on.name}.jsonl" if on.source == "built in" else Path(on.source)) or {}
