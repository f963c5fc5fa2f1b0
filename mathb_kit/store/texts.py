"""A few texts out of millions, and where they are from: only the parts of files that they can lie in are read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mathb_kit.store.packs import Place, by_file, sources, with_shards
from mathb_kit.store.shards import read_matching
from mathb_kit.store.store import Store, checked_name
from mathb_kit.store.tables import ATTEMPTS

Attempt = tuple[str, str, int]
"""Shard, problem key and index of an attempt, as the views have them (`mathb_kit.store.views`)."""


def read_texts(store: Store, model_key: str, draw: str, attempts: Sequence[Attempt]) -> list[str | None]:
    """Completions of some attempts of one draw.

    Args:
        store: the store.
        model_key: key of the model.
        draw: name of the draw.
        attempts: which.

    Returns:
        Their texts in this order; None where a text was dropped, or its shard is gone.

    Raises:
        MathbError: a damaged file.
    """
    problems_of: dict[str, set[str]] = {}
    for shard, problem, _ in attempts:
        problems_of.setdefault(shard, set()).add(problem)

    def read(places: dict[str, Place]) -> dict[Attempt, str | None]:
        texts = {}
        for path, found in by_file({name: place for name, place in places.items() if name in problems_of}):
            names = [name for name, _ in found]
            problems: Collection[str] = set().union(*(problems_of[name] for name in names))
            table = read_matching(path, ATTEMPTS, ["problem", "index", "text"], {"problem": problems, "shard": names})
            shard = table["shard"].to_pylist() if "shard" in table.column_names else names * len(table)
            keys = zip(shard, table["problem"].to_pylist(), table["index"].to_pylist())
            texts |= dict(zip(keys, table["text"].to_pylist()))
        return texts

    folder = store.root.joinpath("attempts", checked_name(model_key), checked_name(draw))
    texts: Mapping[Attempt, str | None] = with_shards(folder, read)
    return [texts.get(attempt) for attempt in attempts]


def read_source(store: Store, model_key: str, draw: str, shard: str) -> Mapping[str, Any]:
    """What was recorded of a shard of one draw when it was sampled (`mathb_kit.provenance`); empty if nothing was.

    Raises:
        MathbError: a damaged file.
    """

    def read(places: dict[str, Place]) -> str | None:
        listed = sources(places[shard].path) if shard in places else []
        return next((source for name, _, source in listed if name == shard), None)

    source = with_shards(store.root.joinpath("attempts", checked_name(model_key), checked_name(draw)), read)
    return json.loads(source) if source else {}
