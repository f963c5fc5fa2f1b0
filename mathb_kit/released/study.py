"""The paper's tables and figures, from the released table alone, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mathb_kit.published import published
from mathb_kit.released.detect import Kind
from mathb_kit.released.table import ATTEMPTS, ReleasedTable
from mathb_kit.statistics import proportion_interval
from mathb_kit.statistics.bootstrap import BOOTSTRAP, bootstrap_mean_interval

PAPER = "MATH-Beyond"
CLOPPER_PEARSON = "problems as a sample, clopper-pearson"
UNION, BASES, EVERYBODY = (
    "union (MATH-B-U)",
    "intersection of the eleven bases (MATH-B-I)",
    "intersection of all 21 models",
)


def unsolved_table(table: ReleasedTable) -> pd.DataFrame:
    """Table 4: what each model left unsolved in 1,024 attempts, then union and intersections.

    Returns:
        subject, kind (``base``, ``other``, ``set``), unsolved (by the flags), zero_pass (by pass@1024 = 0; another
        number would be a contradiction within the table), of, share, low, high (95 %, Clopper and Pearson, problems as
        a sample; NaN for sets).
    """
    flags, zeros = table.unsolved, table.pass_at(ATTEMPTS) == 0
    rows = []
    for model in table.models:
        count = int(flags[model].sum())
        kind = "base" if model in table.bases else "other"
        low, high = proportion_interval(count, len(flags))
        rows.append((model, kind, count, int(zeros[model].sum()), low, high))
    sets = {
        UNION: (flags.any(axis=1), zeros.any(axis=1)),
        BASES: (flags[list(table.bases)].all(axis=1), zeros[list(table.bases)].all(axis=1)),
        EVERYBODY: (flags.all(axis=1), zeros.all(axis=1)),
    }
    rows += [
        (name, "set", int(by_flag.sum()), int(by_zero.sum()), np.nan, np.nan)
        for name, (by_flag, by_zero) in sets.items()
    ]
    frame = pd.DataFrame(rows, columns=["subject", "kind", "unsolved", "zero_pass", "low", "high"])
    frame.insert(4, "of", len(flags))
    frame.insert(5, "share", frame["unsolved"] / frame["of"])
    return frame


def nearly_intersection(table: ReleasedTable) -> pd.DataFrame:
    """Problems that all bases but one left unsolved: a single verdict on one of them parts 40 from the paper's 41.

    Returns:
        problem, solved_by (the one base), and its pass@k at the smallest and the largest k, least often solved first.
    """
    flags = table.unsolved[list(table.bases)]
    at = flags.index[flags.sum(axis=1) == len(table.bases) - 1]
    solved_by = [flags.columns[~flags.loc[row]][0] for row in at]
    frame = pd.DataFrame({"problem": table.problems.loc[at, "problem"].to_numpy(), "solved_by": solved_by})
    for k in (table.ks[0], ATTEMPTS):
        frame[f"pass@{k}"] = [table.values.at[row, (base, k)] for row, base in zip(at, solved_by)]
    return frame.sort_values(f"pass@{table.ks[0]}", kind="stable", ignore_index=True)


def expansion_table(table: ReleasedTable) -> pd.DataFrame:
    """Table 2: what tuned models reach at k = 1,024 of their base's unsolved set D.

    Returns:
        base, tuned, published (whether Table 2 has it; the others are instruct models), count, of, rate, low, high (95
        %, Clopper and Pearson, problems as a sample), and published_rate (NaN where Table 2 is silent). Table 2's rows
        first, in its order.
    """
    rates = published()
    rates = rates[(rates["paper"] == PAPER) & (rates["item"] == "Table 2") & (rates["metric"] == "expansion (%)")]
    rates = dict(zip(rates["subject"], rates["value"] / 100))
    solved = table.pass_at(ATTEMPTS) > 0
    rows = []
    for tuned in (*rates, *(name for name in table.tuned if name not in rates)):
        missed = table.unsolved[table.tuned[tuned]]
        count, of = int(solved.loc[missed, tuned].sum()), int(missed.sum())
        low, high = proportion_interval(count, of)
        rate = count / of if of else np.nan
        rows.append((table.tuned[tuned], tuned, tuned in rates, count, of, rate, low, high, rates.get(tuned, np.nan)))
    columns = ["base", "tuned", "published", "count", "of", "rate", "low", "high", "published_rate"]
    return pd.DataFrame(rows, columns=columns)


def expansion_by_k(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """Figure 5: Expansion against k on what the base left unsolved in 1,024 attempts, for the rows of Table 2.

    Returns:
        base, tuned, k, estimate, low, high (95 %), interval. Indicators are counts and get Clopper and Pearson's
        interval; estimates are means over problems and get a BCa bootstrap.
    """
    pairs = expansion_table(table).query("published")
    frames = []
    for base, tuned in zip(pairs["base"], pairs["tuned"]):
        curve = _curve(table.values[tuned][table.unsolved[base]], kind)
        frames.append(curve.assign(base=base, tuned=tuned))
    curves = pd.concat(frames, ignore_index=True)
    return curves[["base", "tuned", *(column for column in curves if column not in ("base", "tuned"))]]


def pass_at_k_curves(table: ReleasedTable, kind: Kind) -> pd.DataFrame:
    """Figure 6: pass@k on the whole table against k, for all 21 models.

    Returns:
        family, model, k, estimate, low, high, interval (as in ``expansion_by_k``).
    """
    frames = [_curve(table.values[model], kind).assign(model=model) for model in table.models]
    curves = pd.concat(frames, ignore_index=True)
    curves.insert(0, "family", [family(model, table.tuned) for model in curves["model"]])
    order = {name: place for place, name in enumerate(_FAMILIES)}
    curves = curves.sort_values("family", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    return curves[["family", "model", *(column for column in curves if column not in ("family", "model"))]]


def gain_by_k(table: ReleasedTable, step: int = 64) -> pd.DataFrame:
    """Figure 7: mean over the models of the share of problems newly solved by ``step`` further attempts.

    Where the grid is coarser than ``step``, a difference is shared out evenly over the steps in between.

    Returns:
        after (attempts made before), k (attempts then), gain (per ``step``), low, high (95 %, BCa bootstrap over
        problems; the models are these 21), interval.
    """
    ks = np.array([0, *table.ks])
    by_k = np.stack([np.zeros(len(table.problems)), *(table.pass_at(k).mean(axis=1) for k in table.ks)], axis=1)
    gains = np.diff(by_k, axis=1) * step / np.diff(ks)
    low, high = bootstrap_mean_interval(*_distinct(gains), bounds=(0.0, 1.0))
    frame = pd.DataFrame({"after": ks[:-1], "k": ks[1:], "gain": gains.mean(axis=0), "low": low, "high": high})
    return frame.assign(interval=BOOTSTRAP)


def difficulty_counts(table: ReleasedTable) -> pd.DataFrame:
    """Figure 3: problems by difficulty in the union and in the bases' intersection.

    Returns:
        set (``MATH-B-U``, ``MATH-B-I``), difficulty, problems, share (of the set).
    """
    counts = [_counts(rows["difficulty"], "difficulty", name) for name, rows in _union_and_intersection(table)]
    return pd.concat(counts, ignore_index=True).sort_values(
        ["set", "difficulty"], ascending=[False, True], ignore_index=True
    )


def topic_counts(table: ReleasedTable) -> pd.DataFrame:
    """Problems by topic (the first level below "Mathematics") in the union and in the bases' intersection.

    Returns:
        set, topic, problems, share, low, high (95 %, Clopper and Pearson); the union's most frequent topics first.
    """
    topics = table.problems.assign(topic=table.problems["topic"].map(_first_level))
    order = topics["topic"].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable").index
    frames = []
    for name, rows in _union_and_intersection(table):
        counts = topics.loc[rows.index, "topic"].value_counts().reindex(order, fill_value=0)
        ends = [proportion_interval(int(count), len(rows)) for count in counts]
        frame = pd.DataFrame({"set": name, "topic": order, "problems": counts.to_numpy()})
        frame["share"] = frame["problems"] / len(rows) if len(rows) else np.nan
        frames.append(frame.assign(low=[low for low, _ in ends], high=[high for _, high in ends]))
    return pd.concat(frames, ignore_index=True)


def source_counts(table: ReleasedTable) -> pd.DataFrame:
    """Problems of the union by the pool that they come from: source, problems, share."""
    counts = table.problems["data_source"].value_counts()
    return pd.DataFrame(
        {"source": counts.index, "problems": counts.to_numpy(), "share": counts.to_numpy() / len(table.problems)}
    )


def as_published(table: ReleasedTable) -> pd.DataFrame:
    """What the released table says on all that the paper publishes a number for, for ``compare_with_published``.

    Returns:
        paper, item, subject, metric, ours, low, high.
    """
    rows: list[tuple[str, str, str, float, float, float]] = []

    def add(item: str, subject: str, metric: str, ours: float, low: float = np.nan, high: float = np.nan) -> None:
        rows.append((item, subject, metric, ours, low, high))

    unsolved = unsolved_table(table).set_index("subject")
    add("Construction", "6 some model fails at pass@1024: MATH-B-U", "problems left", unsolved.at[UNION, "unsolved"])
    add("Construction", "7 all eleven bases fail: MATH-B-I", "problems left", unsolved.at[BASES, "unsolved"])
    sources = table.problems["data_source"].str.lower()
    for subject, word in (("from DAPO-Math-17K", "dapo"), ("from DeepScaleR", "deepscaler")):
        add("Construction", subject, "share of MATH-B-U (%)", 100 * sources.str.contains(word).mean())
    for subject in (UNION, BASES, EVERYBODY):
        add("Table 4", subject, "problems", unsolved.at[subject, "unsolved"])
    bases = unsolved.loc[list(table.bases), "unsolved"]
    add("Table 4", "fewest of the eleven bases", "unsolved", bases.min())
    add("Table 4", "most of the eleven bases", "unsolved", bases.max())
    for base in ("r1-1.5b", "r1-7b", "qwen3-4b-base", "qwen3-8b-base"):
        add("Table 4", base, "unsolved", bases[base])
        add("Table 4", base, "solved", len(table.problems) - bases[base])
    for row in expansion_table(table).query("published").itertuples():
        add("Table 2", row.tuned, "problems in D", row.of)
        add("Table 2", row.tuned, "reached", row.count)
        add("Table 2", row.tuned, "expansion (%)", 100 * row.rate, 100 * row.low, 100 * row.high)
    (_, union), (_, intersection) = _union_and_intersection(table)
    add("Figure 3", "median of MATH-B-U", "difficulty", union["difficulty"].median())
    add("Figure 3", "largest of MATH-B-I", "difficulty", intersection["difficulty"].max())
    frame = pd.DataFrame(rows, columns=["item", "subject", "metric", "ours", "low", "high"])
    return frame.assign(paper=PAPER)


_FAMILIES = {
    "Qwen2.5": "qwen2.5", "Qwen2.5-Math": "qwen2.5-math", "Qwen3": "qwen3", "R1 distilled and RL": "r1",
    "OLMo and Llama": "",
}  # fmt: skip


def family(model: str, tuned: dict[str, str]) -> str:
    """The panel of Figure 6 that a model belongs to: that of its base."""
    base = tuned.get(model, model)
    fitting = [name for name, start in _FAMILIES.items() if base.startswith(start)]
    return max(fitting, key=lambda name: len(_FAMILIES[name]))


def _curve(values: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Mean over problems at every k; ``values`` is problems x ks."""
    ks = sorted(values.columns)
    if kind.name == "estimates":
        low, high = bootstrap_mean_interval(*_distinct(values[ks].to_numpy()))
        interval = BOOTSTRAP
    else:
        ends = [proportion_interval(int(values[k].sum()), len(values)) for k in ks]
        low, high = np.array(ends).T
        interval = CLOPPER_PEARSON
    frame = pd.DataFrame({"k": ks, "estimate": values[ks].mean().to_numpy(), "low": low, "high": high})
    return frame.assign(interval=interval)


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(values, axis=0, return_counts=True)


def _union_and_intersection(table: ReleasedTable) -> list[tuple[str, pd.DataFrame]]:
    inside = table.unsolved[list(table.bases)].all(axis=1)
    return [("MATH-B-U", table.problems), ("MATH-B-I", table.problems[inside])]


def _counts(values: pd.Series, name: str, of: str) -> pd.DataFrame:
    counts = values.value_counts().sort_index()
    shares = counts.to_numpy() / max(len(values), 1)
    return pd.DataFrame({"set": of, name: counts.index, "problems": counts.to_numpy(), "share": shares})


def _first_level(topic: str) -> str:
    levels = [level.strip(" '\"[]") for level in topic.split("->")]
    return levels[1] if len(levels) > 1 and levels[0] == "Mathematics" else levels[0]
