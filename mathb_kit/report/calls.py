"""The calls of ``mathb reproduce`` that are no profile: ``verifiers``, ``scoreboard`` and ``released``."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from mathb_kit.lab.board import Scoreboard, Size, load_scoreboard
from mathb_kit.lab.result import run_scoreboard
from mathb_kit.lab.scoreboard import Bench
from mathb_kit.lab.tuning import FROZEN, at_limit, not_frozen
from mathb_kit.places import run_root, verifiers_root
from mathb_kit.problems.registry import registry
from mathb_kit.profiles import load_profile
from mathb_kit.progress import clock
from mathb_kit.published import compare_with_published
from mathb_kit.released import as_published
from mathb_kit.released.table import SET, local_copy, read_released_table
from mathb_kit.report.folders import released_figures_folder
from mathb_kit.report.html import PageTable
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import every_caption_says, write_pictures
from mathb_kit.results import StudyResults
from mathb_kit.sentences.scoreboard import board_power_sentence
from mathb_kit.verifiers import comparison_rows, load_catalogue, run_verifiers


def compare_verifiers(only: Collection[str] = (), *, quick: bool = False) -> Path:
    """Make the environments, run the verifiers over the rows, and draw the comparison into ``runs/verifiers/``.

    What is done already is not done again: environments, verdicts, the miniature's attempts.

    Args:
        only: names of verifiers or environments; all by default. The others are shown with what they said earlier.
        quick: fewer attempts of the miniature and fewer labelled completions.

    Returns:
        The executed notebook.

    Raises:
        MathbError: no verifier of that name, or a notebook that failed.
    """
    load_catalogue().chosen(only)  # a misspelt name ends here, before minutes of sampling
    print(price_of_verifiers(only), flush=True)
    started = time.monotonic()
    rows = comparison_rows(StudyResults(load_profile("mini", quick=quick)).evaluations(), few=quick)
    sources = rows["source"].value_counts(sort=False)
    print(f"{len(rows):,} rows: " + ", ".join(f"{count:,} {source}" for source, count in sources.items()), flush=True)
    run_verifiers(rows, only)
    root = verifiers_root()
    executed = run_notebook("04_verifiers_under_the_lens", {"profile": "mini", "quick": quick}, root / "notebooks")
    page = write_pictures("verifiers compared", root / "figures", [executed], root / "index.html")
    return _done(started, executed, f"Figures and tables: {root / 'figures'}", page)


def price_of_verifiers(only: Collection[str] = ()) -> str:
    """What the call costs, in words: environments, disk, time."""
    catalogue = load_catalogue()
    chosen = catalogue.chosen(only)
    environments = {v.environment for v in chosen} & catalogue.environments.keys()
    megabytes = sum(catalogue.environments[name].megabytes for name in environments)
    lines = [
        "verifiers: other people's graders on the same completions",
        f"  {len(chosen)} verifiers: {', '.join(verifier.name for verifier in chosen)}",
        f"  environments: {', '.join(sorted(environments)) or 'none'}; {megabytes / 1000:.1f} GB on disk",
        "  on two cores up to 5 minutes for the environments and 10 for some 2,000 completions; nothing is done twice",
        "  and what the call mini takes, where its attempts are not in the store",
    ]
    return "\n".join(lines)


def compare_objectives(only: Collection[str] = (), *, size: Size = "full") -> Path:
    """Tune, train and judge the rows, and draw the comparison into the board's folder in ``runs``.

    What is done already is not done again: training runs, attempts. Rows of earlier calls stay on the board.

    Args:
        only: names of rows, or ``all``; the default ones if empty. The yardstick always runs.
        size: which board: ``quick`` is one seed and a budget with which nothing is learned, to see that it runs.

    Returns:
        The executed notebook.

    Raises:
        MathbError: no row of that name, or a notebook that failed.
    """
    board = load_scoreboard(size)
    print(price_of_scoreboard(only, size=size), flush=True)
    started = time.monotonic()
    result = run_scoreboard(board, only)
    for run, reason in result.failures.itertuples(index=False):
        print(f"left out: {run}: {reason}")
    for sentence in at_limit(result.tried, board):
        print(sentence)
    if board.counts and not_frozen(Bench(board, board.rows_of(only), {})):
        tuned = board.folder / "result" / FROZEN.name
        print(f"Rates with what they come from: {tuned}; with its lines in {FROZEN}, too, they are frozen.")
    parameters = {"profile": "mini", "quick": size == "quick", "size": size}
    executed = run_notebook("08_what_expands", parameters, board.folder / "notebooks")
    page = write_pictures(f"{board.name}: what expands", result.figures, [executed],
                          board.folder / "index.html")  # fmt: skip
    return _done(started, executed, f"Tables: {board.folder / 'result'}", page)


def price_of_scoreboard(only: Collection[str] = (), *, size: Size = "full") -> str:
    """What the call costs and what it cannot see, in words. Runs that are there already are not subtracted, rates that
    are frozen are."""
    board = load_scoreboard(size)
    rows = board.rows_of(only)
    bench = Bench(board, rows, {})
    untuned = not_frozen(bench)
    tuning, final = len(untuned) * _rates_tried(board) * len(board.tuning_seeds), len(rows) * len(board.seeds)
    matched = len(rows) * len(board.matched_seeds)
    worlds, control = board.composition.worlds, len(board.composition.rows) * len(board.composition.seeds)
    # A matched run costs its share of a whole one: gains come early, so about the share of the gain is an upper guess.
    trained = (tuning + final + matched * board.matched_share) * board.tokens
    trained += control * sum(world.tokens for world in worlds.values())
    bases = {board.base, *map(board.base_of, rows)}
    judged = len(bases) * (board.null_draws + 1) + len(board.beside) + final + matched
    attempts = judged * len(board.problems) + len(worlds) * 2 * control * board.composition.held_out
    attempts *= board.plan.n_max
    cost = board.cost
    sampled = attempts * cost.tokens_per_attempt
    training = trained / cost.training_tokens_per_second / 60 + cost.flat_minutes
    judging = sampled / cost.tokens_per_second / 60
    share = (tuning * board.tokens) / cost.training_tokens_per_second / 60
    lines = [
        f"{board.name}: {board.about}",
        f"  {len(rows)} rows: {', '.join(rows)}",
        f"  {len(rows) - len(untuned)} of them with frozen learning rates; {tuning} runs to choose the others' among "
        f"{_rates(board)} under {len(board.tuning_seeds)} seeds, and beyond the grid's edges until the best lies "
        f"inside: {share:,.0f} of the minutes below, more where that takes several steps",
        f"  {final} runs that count ({len(board.seeds)} seeds), at most {matched} cut short at matched pass@1, "
        f"{control * len(worlds)} of the positive control",
        f"  training at most {trained / 1e6:,.1f} million tokens ({board.tokens:,} a run), "
        f"{cost.training_tokens_per_second:,.0f} tokens/s",
        f"  judging at most {attempts:,} attempts ({judged} models and draws on {len(board.problems)} problems, plan "
        f"{board.plan}), {sampled / 1e6:,.1f} million tokens, {cost.tokens_per_second:,.0f} tokens/s",
        f"  {training + cost.plan_share * judging:,.0f} minutes on {cost.on}, at most {training + judging:,.0f} (the "
        f"plan stops early; {cost.plan_share:.0%} assumed); {0.25 * (tuning + 2 * final) + 40:,.0f} MB on disk",
        f"  assumptions: {cost.origin}",
        f"  {board_power_sentence(board)}",
    ]
    return "\n".join(lines)


def _rates_tried(board: Scoreboard) -> int:
    """A best rate has one tried on either side of it, so at least three where the limits allow more than the grid."""
    ends = (min(board.learning_rates), max(board.learning_rates))
    return len(board.learning_rates) if ends == tuple(board.rate_limits) else max(3, len(board.learning_rates))


def _rates(board: Scoreboard) -> str:
    return f"{len(board.learning_rates)} learning rates (" + ", ".join(f"{r:g}" for r in board.learning_rates) + ")"


def redraw_released() -> Path:
    """Read and check the table, run the notebook, and say where everything is.

    Returns:
        The executed notebook.

    Raises:
        MathbError: no table to be had, a table that is not whole, a notebook that failed, or a figure of anything but
            the table as released whose caption does not say so.
    """
    started = time.monotonic()
    table = read_released_table()  # before a kernel starts: a fault in the table is one sentence
    folder = released_figures_folder(table)
    print(f"released: {table.note}, read from {table.source}", flush=True)
    executed = run_notebook("09_the_released_table", {"profile": "released"}, run_root("released") / "notebooks")
    if table.identity != "released":
        every_caption_says(folder, table.note, "it was drawn from another table; put table.note into it")
    rows = compare_with_published(as_published(table)).query("paper == 'MATH-Beyond'").drop(columns="paper")
    caption = f"As published, beside ours from the released table ({table.note})"
    page = write_pictures(
        "MATH-Beyond's released table, redrawn", folder, [executed], run_root("released") / "index.html",
        note=f"{table.note}; nothing was sampled", beside=PageTable.of(rows, caption, sortable=True),
    )  # fmt: skip
    return _done(started, executed, f"Figures and their tables: {folder}", page)


def price_of_released() -> str:
    """What the call costs, in words."""
    hub = registry()[SET].hub
    where = local_copy() or f"the hub: {hub.path} at revision {hub.revision[:7]}, about a megabyte"
    return f"released: no attempts, no tokens, under a minute on one core\n  reads {where}"


def _done(started: float, executed: Path, where: str, page: Path) -> Path:
    print(f"Done in {clock(time.monotonic() - started)}. Executed notebook: {executed.with_suffix('.html')}")
    print(f"{where}\nAll of it on one page: {page}")
    return executed
