"""The miniature's pool: as drawn, with the dirt it declares and nothing else wrong with it."""

from __future__ import annotations

from collections import Counter

from mathb_kit.miniature import FAMILIES, evaluate_statement, problem_rows
from mathb_kit.miniature.pool import CLEAN, DIRT, LARGE_CLEAN, draw_large_pool, draw_pool
from mathb_kit.miniature.sets import HARD_GOLD

ROWS = problem_rows("mini-pool")


def of_kind(*kinds: str) -> list[dict]:
    return [row for row in ROWS if row["kind"] in kinds]


def squeezed(statement: str) -> str:
    return "".join(statement.split())


def test_the_shipped_pool_is_what_its_seed_draws():
    assert ROWS == draw_pool()
    assert [row["id"] for row in ROWS] == [f"{number:03d}" for number in range(len(ROWS))]


def test_the_large_pool_is_what_its_seed_draws_six_times_the_hard_levels_and_nothing_of_the_small_one():
    large = problem_rows("mini-pool-large")
    assert large == draw_large_pool()
    assert {level: 6 * count for level, count in CLEAN.items() if level > 3} == LARGE_CLEAN
    clean = [row for row in large if row["kind"] == "clean"]
    assert all(evaluate_statement(row["statement"]) == int(row["gold"]) >= HARD_GOLD for row in clean)
    names = ("mini-pool", "mini-math", "mini-aime", "mini-train")
    others = {row["statement"] for name in names for row in problem_rows(name)}
    assert len({row["statement"] for row in clean} - others) == len(clean) == len(FAMILIES) * sum(LARGE_CLEAN.values())


def test_the_pool_has_200_to_300_candidates_with_the_declared_kinds_of_dirt():
    assert 200 <= len(ROWS) <= 300
    assert Counter(row["kind"] for row in ROWS) == {"clean": len(FAMILIES) * sum(CLEAN.values()), **DIRT}
    clean = Counter((row["family"], row["level"]) for row in of_kind("clean"))
    assert clean == {(family, level): count for family in FAMILIES for level, count in CLEAN.items()}


def test_clean_rows_have_right_unguessable_golds_and_stand_in_no_other_set():
    others = {row["statement"] for name in ("mini-math", "mini-aime", "mini-train") for row in problem_rows(name)}
    clean = of_kind("clean")
    assert all(evaluate_statement(row["statement"]) == int(row["gold"]) >= HARD_GOLD for row in clean)
    assert len({row["statement"] for row in clean} - others) == len(clean)


def test_copies_come_after_an_original_and_differ_from_it_as_their_kind_says():
    place = {row["id"]: number for number, row in enumerate(ROWS)}
    clean = {row["statement"]: row for row in of_kind("clean")}
    for row in of_kind("exact duplicate"):
        assert place[clean[row["statement"]]["id"]] < place[row["id"]]
    golds = {row["gold"]: row for row in of_kind("clean")}
    for row in of_kind("near duplicate"):
        assert row["statement"] not in clean
        assert place[golds[row["gold"]]["id"]] < place[row["id"]]


def test_contaminated_rows_are_mini_math_up_to_spacing_and_some_exactly():
    benchmark = {row["statement"]: row["gold"] for row in problem_rows("mini-math")}
    by_text = {squeezed(statement): gold for statement, gold in benchmark.items()}
    rows = of_kind("contaminated")
    assert all(by_text[squeezed(row["statement"])] == row["gold"] for row in rows)
    assert 0 < sum(row["statement"] in benchmark for row in rows) < len(rows)


def test_wrong_golds_are_wrong_and_non_integer_golds_right_but_fractions():
    assert all(evaluate_statement(row["statement"]) != int(row["gold"]) for row in of_kind("wrong gold"))
    for row in of_kind("non-integer gold"):
        value = evaluate_statement(row["statement"])
        assert value.denominator > 1 and row["gold"] == f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def test_two_golds_come_in_pairs_of_which_one_is_right():
    pairs = Counter(squeezed(row["statement"]) for row in of_kind("two golds"))
    assert set(pairs.values()) == {2}
    right = [row for row in of_kind("two golds") if evaluate_statement(row["statement"]) == int(row["gold"])]
    assert len(right) == len(pairs)
