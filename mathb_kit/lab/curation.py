"""DeepMath's claim in small: one RL recipe on a raw pool, on the same pool curated, and on one with wrong golds.

DeepMath-103K (arXiv 2504.11456) holds that source analysis, decontamination and checked answers make the difference in
RL. Here the pools are synthetic: arithmetic of the miniature with a declared share of dirt, far more of it than a real
pool has. Benchmark problems among the dirt are left out of it: training on them would make every comparison worthless.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.construction import Funnel, run_filters, stages_before_sampling
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.lab.many import train_all
from mathb_kit.lab.run import Run
from mathb_kit.miniature.pool import draw_pool
from mathb_kit.miniature.sets import evaluation_statements
from mathb_kit.models import get_model
from mathb_kit.places import lab_root
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, ProblemSet, load_problems, write_problems
from mathb_kit.store import Store

if TYPE_CHECKING:
    import pandas as pd

RAW = "mini-raw-pool"
ARMS = ("raw", "curated", "wrong golds")

_SEED = 105
_CLEAN = dict.fromkeys((1, 2, 3, 4, 5, 6), 15)
_DIRT = {
    "exact duplicate": 50, "near duplicate": 50, "multiple choice": 40, "non-integer gold": 40, "missing picture": 40,
    "wrong gold": 120, "two golds": 60,
}  # fmt: skip


def raw_pool() -> ProblemSet:
    """A pool of training problems with dirt, disjoint from every evaluation set; ``kind`` says what is wrong."""
    rows = draw_pool(_SEED, _CLEAN, _DIRT, smallest_gold=0, avoid=evaluation_statements())
    problems = tuple(
        Problem(RAW, row["id"], row["statement"], row["gold"], {key: row[key] for key in ("family", "level", "kind")})
        for row in rows
    )
    return ProblemSet(RAW, problems, source="synthetic: mathb_kit.lab.curation")


def curation_funnel(raw: ProblemSet) -> Funnel:
    """The pool through every stage that needs no attempts, golds checked by the exact evaluator."""
    benchmarks = [load_problems(name) for name in ("mini-math", "mini-aime")]
    return run_filters(raw, stages_before_sampling(benchmarks, exact_answers=True))


def pools() -> dict[str, ProblemSet]:
    """The three training pools by arm; ``wrong golds`` is the curated one with every second gold off by a carry."""
    raw = raw_pool()
    curated = curation_funnel(raw).kept
    wrong = tuple(
        Problem(p.set, p.id, p.statement, str(int(p.gold) + 10) if place % 2 else p.gold, p.meta)
        for place, p in enumerate(curated)
    )
    named = {"raw": raw.problems, "curated": curated, "wrong golds": wrong}
    return {arm: ProblemSet(f"mini-{arm.replace(' ', '-')}", named[arm], source=raw.source) for arm in ARMS}


def train_arms(
    objective: str = "grpo", base: str = "mini-base-1", *, tokens: int = 500_000, seeds: Sequence[int] = (1, 2, 3)
) -> dict[tuple[str, int], Path]:
    """Train the same recipe on every pool, with the same budget of sampled tokens; finished runs are kept.

    Returns:
        Checkpoint folders by (arm, seed), in ``runs/lab/curation``.
    """
    folder = lab_root() / "curation"
    folder.mkdir(parents=True, exist_ok=True)
    files = {arm: write_problems(problems, folder / f"{problems.name}.jsonl") for arm, problems in pools().items()}
    runs = {
        (arm, seed): Run.of(
            objective, base, on=str(files[arm]), tokens=tokens, seed=seed,
            to=folder / f"{objective}-{arm.replace(' ', '-')}-{tokens}-{seed}",
        )
        for arm in ARMS
        for seed in seeds
    }  # fmt: skip
    return dict(zip(runs, train_all(list(runs.values()))))


def evaluate_arms(
    checkpoints: dict[tuple[str, int], Path], base: str, on: Sequence[str], attempts: int, store: Store | None = None
) -> dict[tuple[str, int, str], Evaluation]:
    """Every checkpoint, and the base as ("base", 0), on every set, with the same number of attempts at each problem."""
    models = {("base", 0): get_model(base)} | {key: get_model(folder) for key, folder in checkpoints.items()}
    return {
        (arm, seed, name): evaluate(model, load_problems(name), Plan.fixed(attempts), store=store)
        for (arm, seed), model in models.items()
        for name in on
    }


def what_curation_buys(
    evaluations: dict[tuple[str, int, str], Evaluation], ks: Sequence[int], against: str = "base"
) -> pd.DataFrame:
    """Mean pass@k by arm over seeds, and its difference from another arm's (`difference_over_runs`).

    Returns:
        set, arm, k, seeds, estimate, difference, low, high (of the difference; none for ``against`` itself), against,
        interval; ``against`` comes first.
    """
    import numpy as np
    import pandas as pd

    from mathb_kit.statistics import difference_over_runs, estimate_pass_at_k

    def table(arm: str, name: str) -> np.ndarray:
        chosen = [each for (a, _, s), each in evaluations.items() if (a, s) == (arm, name)]
        values = [estimate_pass_at_k(each.outcomes, ks)["estimate"].to_numpy() for each in chosen]
        return np.stack(values).reshape(len(chosen), -1, len(ks))

    rows = []
    for name in dict.fromkeys(name for _, _, name in evaluations):
        reference = table(against, name)
        for arm in [against, *(arm for arm in ("base", *ARMS) if arm != against)]:
            values = table(arm, name)
            for place, k in enumerate(ks):
                difference = (0.0, float("nan"), float("nan"))
                if arm != against:
                    difference = difference_over_runs(values[..., place], reference[..., place])
                rows.append((name, arm, k, len(values), values[..., place].mean(), *difference))
    columns = ["set", "arm", "k", "seeds", "estimate", "difference", "low", "high"]
    interval = "bootstrap over problems and seeds, percentiles"
    return pd.DataFrame(rows, columns=columns).assign(against=against, interval=interval)
