"""How attempts came about: the settings, the prompt as it was sent, when and by what they were sampled."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from mathb_kit.store.shards import shard_time
from mathb_kit.store.texts import read_source
from mathb_kit.viewer.numbers import Cell
from mathb_kit.viewer.snapshot import Snapshot


class Sampled(NamedTuple):
    """One shard's attempts at a problem.

    Attributes:
        prompt: the text that the model went on from; None where the statement is not to be had.
        note: what the prompt lacks, where it was not recorded whole.
        when: they were kept, by this machine's clock.
        by: the engine; empty where it is not on record.
    """

    prompt: str | None
    note: str
    when: datetime | None
    by: str


def sampled(snapshot: Snapshot, cell: Cell, shard: str, statement: str | None) -> Sampled:
    """How the attempts of a shard were asked for, as the shard has it. Raises MathbError: a damaged file."""
    source = read_source(snapshot.store, cell.model, cell.draw, shard)
    about = snapshot.models.get(cell.model, {})
    frame, note = source.get("prompt"), ""
    if frame is None:
        frame, note = _turns(about) if about.get("prompt") == "chat" else (about.get("prompt"), "")
    prompt = None if frame is None or statement is None else str(frame).replace("{problem}", statement)
    when = shard_time(shard)
    return Sampled(prompt, note, when and when.astimezone(), str((source.get("engine") or {}).get("engine") or ""))


def _turns(about: dict[str, Any]) -> tuple[str, str]:
    """What a chat template got, for attempts that were kept without what it made of that."""
    turns = {"system": about.get("system"), "user": about.get("user")}
    text = "\n\n".join(f"{who}: {said}" for who, said in turns.items() if said)
    return text, "the turns of the chat: what the template put around them is not on record"


def settings(snapshot: Snapshot, cell: Cell) -> list[tuple[str, str]]:
    """How a model was asked, as the store has it: names and values."""
    about = snapshot.models.get(cell.model, {})
    shown = {"key": cell.model} | {name: about.get(name) for name in ("base", "source", "revision", "dtype")}
    shown |= {"prompt": about.get("prompt"), "system": about.get("system")} | dict(about.get("sampling") or {})
    shown |= {"trained on": ", ".join(about.get("trained_on") or ())}
    return [(name, str(value)) for name, value in shown.items() if value not in (None, "", [], ())]
