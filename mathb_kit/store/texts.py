"""A few texts out of millions: only the files, and of those the parts, that they can lie in are read."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mathb_kit.store.packs import Place, by_file, with_shards
from mathb_kit.store.shards import read_matching
from mathb_kit.store.store import ATTEMPTS, Store, checked_name


def read_texts(store: Store, model_key: str, draw: str, rows: pd.DataFrame) -> pd.Series:
    """Completions of some attempts of one draw.

    Args:
        store: the store.
        model_key: key of the model.
        draw: name of the draw.
        rows: problem, index and shard of the attempts, as the views have them (`mathb_kit.store.views`).

    Returns:
        The texts in the order of ``rows``, with its index; None where a text was dropped, or its shard is gone.

    Raises:
        MathbError: a damaged file.
    """
    shards = set(rows["shard"])

    def read(places: dict[str, Place]) -> dict[tuple[str, str, int], str | None]:
        texts = {}
        for path, found in by_file({name: place for name, place in places.items() if name in shards}):
            names = [name for name, _ in found]
            problems = set(rows.loc[rows["shard"].isin(names), "problem"])
            table = read_matching(path, ATTEMPTS, ["problem", "index", "text"], {"problem": problems, "shard": names})
            shard = table["shard"].to_pylist() if "shard" in table.column_names else names * len(table)
            keys = zip(shard, table["problem"].to_pylist(), table["index"].to_pylist())
            texts |= dict(zip(keys, table["text"].to_pylist()))
        return texts

    folder = store.root.joinpath("attempts", checked_name(model_key), checked_name(draw))
    texts: Mapping[tuple[str, str, int], str | None] = with_shards(folder, read)
    found = [texts.get(key) for key in zip(rows["shard"], rows["problem"], rows["index"])]
    return pd.Series(found, index=rows.index, dtype=object)
