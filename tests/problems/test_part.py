"""Parts of a set: the first, those between two places, some at random."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest

from mathb_kit.errors import MathbError
from mathb_kit.problems import Problem, ProblemSet, at_random, part_in_words, part_of

TEN = ProblemSet("ten", tuple(Problem("ten", str(i), f"problem {i}", "1") for i in range(1, 11)))


def ids(problems: ProblemSet) -> list[int]:
    return [int(problem.id) for problem in problems]


def test_a_limit_is_so_many_or_two_places_and_the_note_says_which():
    assert ids(part_of(TEN, "3")) == [1, 2, 3] and part_in_words(part_of(TEN, "3")) == "3 of 10 problems"
    assert ids(part_of(TEN, "4-6")) == [4, 5, 6]
    assert part_in_words(part_of(TEN, "4-6")) == "3 of 10 problems, 4 to 6"
    assert ids(part_of(TEN, "9-99")) == [9, 10] and part_of(TEN, "9-99").note == "2 of 10, 9 to 10"
    for whole in (part_of(TEN), part_of(TEN, "10"), part_of(TEN, "11"), part_of(TEN, "11", 3)):
        assert whole is TEN and part_in_words(whole) == ""


@pytest.mark.parametrize(
    ("limit", "seed", "said"),
    [
        ("0", None, "from 1 on, not '0'"), ("-3", None, "not '-3'"), ("6-4", None, "not '6-4'"), ("x", None, "not 'x'"),
        ("0-4", None, "not '0-4'"), ("11-12", None, "ten has 10 problems"), ("1-2", 3, "give one of the two"),
        (None, 3, "give --limit N, too"),
    ],
)  # fmt: skip
def test_what_is_no_part_is_one_sentence(limit, seed, said):
    with pytest.raises(MathbError, match=said):
        part_of(TEN, limit, seed)


def test_a_seed_gives_the_same_problems_in_any_order_of_the_set_and_more_keep_the_fewer():
    some = part_of(TEN, "4", 7)
    assert some.note == "4 of 10, at random by seed 7" and ids(some) == sorted(ids(some))
    turned = ProblemSet("ten", TEN.problems[::-1])
    assert set(ids(at_random(turned, 4, 7))) == set(ids(some))
    for n in range(10):
        assert set(ids(at_random(TEN, n, 7))) < set(ids(at_random(TEN, n + 1, 7)))


def test_every_pair_of_problems_is_as_likely_as_any_other():
    times = dict.fromkeys(combinations(range(1, 11), 2), 0)
    draws = 4500
    for seed in range(draws):
        times[tuple(ids(at_random(TEN, 2, seed)))] += 1
    expected = draws / comb(10, 2)  # 100 each
    chi_squared = sum((each - expected) ** 2 / expected for each in times.values())
    assert chi_squared < 87.7  # the 0.9999 quantile with 44 degrees of freedom
