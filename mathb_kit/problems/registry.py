"""What the registry says of each problem set: where it lies, which columns hold what, which quirks it has."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.settings import Settings, did_you_mean, read_toml


class Fields(Settings):
    """Columns of a source that hold a problem's id, statement and gold."""

    id: str | None = None
    statement: str
    gold: str


class Hub(Settings):
    """A dataset on the Hugging Face hub; ``fields`` where its columns are not called as in a local copy."""

    path: str
    split: str
    config: str | None = None
    revision: str | None = None
    columns: tuple[str, ...] = ()
    fields: Fields | None = None


class SetEntry(Settings):
    """One table of ``registry.toml``, which explains the keys."""

    about: str
    licence: str = ""
    rows: int | None = None
    files: tuple[str, ...] = ()
    fields: Fields | None = None
    hub: Hub | None = None
    quirk: str | None = None
    builtin: bool = False
    allow_empty_gold: bool = False
    unsolved_by: tuple[str, ...] | None = None
    selected_in: int | None = None
    stop: int | None = None
    ordinary: tuple[str, ...] = ()
    training: bool = False
    of: str | None = None
    where: dict[str, int | str] = {}
    origin: str = ""


@cache
def registry() -> dict[str, SetEntry]:
    """All registered problem sets."""
    path = Path(__file__).with_name("registry.toml")
    tables = read_toml(path)
    return {name: SetEntry.parse(_with_whole(table, tables), f"{path.name} [{name}]") for name, table in tables.items()}


def _with_whole(table: dict[str, Any], tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A part of a set on top of the set that it is ``of``: same files, columns and licence."""
    return tables[table["of"]] | table if "of" in table else table


def ordinary_sets(name: str) -> tuple[str, ...]:
    """Sets on which to see what was lost by a model that is judged on this one; none for a file of your own."""
    return registry()[name].ordinary if name in registry() else ()


def plan_on(name: str, attempts: int) -> Plan:
    """The adaptive plan of up to so many attempts at a set, with the stop count of the set's own study if it has one.

    The rounds double, so that each problem ends no later than under that study's plan: what it stored is enough.
    """
    stop = registry()[name].stop if name in registry() else None
    return Plan.up_to(attempts, stop) if stop else Plan.up_to(attempts)


def entry_of(name: str) -> SetEntry:
    """One registered set.

    Raises:
        MathbError: there is none of that name.
    """
    if name not in registry():
        raise MathbError(
            f"There is no problem set {name!r}{did_you_mean(name, registry())}; there are {', '.join(registry())}, "
            "and any .jsonl file by its path."
        )
    return registry()[name]
