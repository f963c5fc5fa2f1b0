"""What the papers publish, beside what we found."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.errors import MathbError
from mathb_kit.settings import Settings, read_toml

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = ("primary", "stated", "code", "measured", "secondary", "inferred")
KEY = ["paper", "item", "subject", "metric"]


class PublishedTable(Settings):
    """One ``[[table]]`` of ``published.toml``, which explains the keys."""

    paper: str
    item: str
    metrics: tuple[str, ...]
    source: str
    confidence: str
    rows: dict[str, tuple[int | float | str, ...]]


class PublishedFile(Settings):
    """The whole of ``published.toml``."""

    sources: dict[str, str]
    table: tuple[PublishedTable, ...]


def published() -> pd.DataFrame:
    """Every published number that was found.

    Returns:
        One row per number: paper, item (of the paper, e.g. ``Table 2``), subject (a model, a stage), metric, value,
        decimals (as printed), source, confidence, note. Percentages are in percent. value is NaN for numbers that are
        known to exist and were not found.
    """
    return _published().copy()


@cache
def _published() -> pd.DataFrame:
    import pandas as pd

    path = Path(__file__).with_name("published.toml")
    content = PublishedFile.parse(read_toml(path), path.name)
    rows = []
    for table in content.table:
        where = f"{path.name}, {table.paper}, {table.item}"
        if table.confidence not in CONFIDENCE or table.source not in content.sources:
            raise MathbError(f"{where} needs a confidence of {', '.join(CONFIDENCE)} and a source of [sources].")
        for subject, numbers in table.rows.items():
            if len(numbers) != len(table.metrics):
                raise MathbError(f"{where}: {subject!r} has {len(numbers)} numbers for {len(table.metrics)} metrics.")
            for metric, number in zip(table.metrics, numbers):
                value, decimals, note = _read(number)
                key = (table.paper, table.item, subject, metric)
                rows.append((*key, value, decimals, content.sources[table.source], table.confidence, note))
    frame = pd.DataFrame(rows, columns=[*KEY, "value", "decimals", "source", "confidence", "note"])
    if (twice := frame.duplicated(KEY)).any():
        raise MathbError(f"{path.name} has {' / '.join(frame.loc[twice, KEY].iloc[0])} twice; keep one.")
    return frame


def published_stages() -> pd.DataFrame:
    """MATH-Beyond's construction as published: subject (the stage) and value (problems left, NaN if not found)."""
    numbers = _published()
    stages = numbers[(numbers["paper"] == "MATH-Beyond") & (numbers["metric"] == "problems left")]
    return stages[["subject", "value", "confidence", "source"]].reset_index(drop=True)


def compare_with_published(ours: pd.DataFrame) -> pd.DataFrame:
    """Published numbers beside ours.

    Args:
        ours: columns paper, item, subject, metric, ours and, where there is an interval, low and high; all in the
            published number's unit. No two rows may share the first four.

    Returns:
        One row per published number, in the papers' order: paper, item, subject, metric, published, ours, low, high,
        agrees, confidence, source. ``agrees`` is ``yes`` (the same number as far as it was printed), ``within our
        interval``, ``no``, ``not run`` (we have no number) or ``not found`` (the paper's is not known).

    Raises:
        MathbError: a number of ours that is there twice, or that no published one belongs to.
    """
    import pandas as pd

    if missing := [column for column in (*KEY, "ours") if column not in ours]:
        raise MathbError(f"Our numbers lack the column {missing[0]!r}; they need {', '.join((*KEY, 'ours'))}.")
    if (twice := ours.duplicated(KEY)).any():
        raise MathbError(f"Our numbers have {' / '.join(ours.loc[twice, KEY].iloc[0])} twice; hand in one of them.")
    ours = ours.reindex(columns=[*KEY, "ours", "low", "high"])
    ours = ours.astype({name: float for name in ("ours", "low", "high")})
    table = _published().merge(ours, on=KEY, how="outer", indicator=True, sort=False)
    if (alone := table["_merge"] == "right_only").any():
        raise MathbError(
            f"Nothing is published as {' / '.join(table.loc[alone, KEY].iloc[0])}; published.toml names what is."
        )
    table = _published()[KEY].merge(table, on=KEY)  # the papers' order
    table["agrees"] = [_agrees(*row) for row in table[["value", "decimals", "ours", "low", "high"]].itertuples(False)]
    table = table.rename(columns={"value": "published"})
    return pd.DataFrame(table[[*KEY, "published", "ours", "low", "high", "agrees", "confidence", "source"]])


def _agrees(value: float, decimals: int, ours: float, low: float, high: float) -> str:
    if value != value:
        return "not found"
    if ours != ours:
        return "not run"
    if abs(ours - value) <= 0.5 * 10.0**-decimals + 1e-9:  # half a unit of the last printed digit
        return "yes"
    return "within our interval" if low <= value <= high else "no"


def _read(number: int | float | str) -> tuple[float, int, str]:
    """Value, decimals and note of a cell."""
    text = str(number)
    if text == "-":
        return float("nan"), 0, "not found"
    note = "from the model's own report" if text.endswith("*") else ""
    text = text.removesuffix("*")
    return float(text), len(text.partition(".")[2]), note
