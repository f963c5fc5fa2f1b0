"""``mathb reproduce scoreboard``: train every row, judge it, then notebook 08 over the result."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from mathb_kit.lab.result import run_scoreboard
from mathb_kit.lab.scoreboard import Scoreboard, load_scoreboard
from mathb_kit.progress import clock
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import write_pictures

NOTEBOOK = "08_what_expands"


def compare_objectives(only: Collection[str] = (), *, quick: bool = False) -> Path:
    """Tune, train and judge the rows, and draw the comparison into ``runs/scoreboard/``.

    What is done already is not done again: training runs, attempts. Rows of earlier calls stay on the board.

    Args:
        only: names of rows, or ``all``; the default ones if empty. The yardstick always runs.
        quick: one seed and a budget with which nothing is learned: to see that everything runs.

    Returns:
        The executed notebook.

    Raises:
        MathbError: no row of that name, or a notebook that failed.
    """
    board = load_scoreboard(quick)
    print(price_of_scoreboard(only, quick=quick), flush=True)
    started = time.monotonic()
    result = run_scoreboard(board, only)
    for run, said in result.failures.itertuples(index=False):
        print(f"left out: {run}: {said}")
    executed = run_notebook(NOTEBOOK, {"profile": "mini", "quick": quick}, board.folder / "notebooks")
    page = write_pictures(f"{board.name}: what expands", result.figures, [executed],
                          board.folder / "index.html")  # fmt: skip
    print(f"Done in {clock(time.monotonic() - started)}. Executed notebook: {executed.with_suffix('.html')}")
    print(f"Tables: {board.folder / 'result'}\nAll of it on one page: {page}")
    return executed


def price_of_scoreboard(only: Collection[str] = (), *, quick: bool = False) -> str:
    """What the call costs, in words: runs, tokens, time. What is there already costs nothing and is not subtracted."""
    board = load_scoreboard(quick)
    rows = board.rows_of(only)
    tuning, final = len(rows) * len(board.learning_rates), len(rows) * len(board.seeds)
    control = len(board.composition.rows) * len(board.composition.seeds)
    # A matched run costs its share of a whole one: gains come early, so about the share of the gain is an upper guess.
    trained = (tuning + final + final * board.matched_share) * board.tokens + control * board.composition.tokens
    bases = {board.base, *map(board.base_of, rows)}
    judged = len(bases) * (board.null_draws + 1) + len(board.beside) + 2 * final
    attempts = judged * len(board.problems) * board.plan.n_max + control * board.composition.held_out * board.plan.n_max
    sampled = attempts * board.cost.tokens_per_attempt
    cost = board.cost
    training = trained / cost.training_tokens_per_second / 60 + cost.flat_minutes
    judging = sampled / cost.tokens_per_second / 60
    lines = [
        f"{board.name}: {board.about}",
        f"  {len(rows)} rows: {', '.join(rows)}",
        f"  {tuning} runs to choose among {_rates(board)}, {final} that count ({len(board.seeds)} seeds), at most "
        f"{final} cut short at matched pass@1, {control} of the positive control",
        f"  training at most {trained / 1e6:,.1f} million tokens ({board.tokens:,} a run), "
        f"{cost.training_tokens_per_second:,.0f} tokens/s",
        f"  judging at most {attempts:,} attempts ({judged} models and draws on {len(board.problems)} problems, plan "
        f"{board.plan}), {sampled / 1e6:,.1f} million tokens, {cost.tokens_per_second:,.0f} tokens/s",
        f"  {training + cost.plan_share * judging:,.0f} minutes on {cost.on}, at most {training + judging:,.0f} (the "
        f"plan stops early; {cost.plan_share:.0%} assumed); {0.25 * (tuning + 2 * final) + 40:,.0f} MB on disk",
        f"  assumptions: {cost.origin}",
    ]
    return "\n".join(lines)


def _rates(board: Scoreboard) -> str:
    return f"{len(board.learning_rates)} learning rates (" + ", ".join(f"{r:g}" for r in board.learning_rates) + ")"
