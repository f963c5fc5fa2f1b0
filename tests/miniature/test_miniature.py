"""The miniature's world: golds right, sets disjoint and reproducible, hard sets unguessable."""

import random
from collections import Counter

import pytest

from mathb_kit.grading import extract
from mathb_kit.miniature import FAMILIES, LEVELS, MODES, draw_exercise, evaluate_statement, mode_of, solve
from mathb_kit.miniature.sets import HARD_GOLD, draw_sets, problem_rows, shipped_sets
from mathb_kit.problems.problem import statement_hash

PLAIN_SETS = ("mini-math", "mini-aime", "mini-train")


def exercises(count: int):
    rng = random.Random(7)
    for _ in range(count):
        yield draw_exercise(rng, rng.choice(FAMILIES), rng.choice(LEVELS))


def test_the_exact_evaluator_of_the_statement_agrees_with_every_gold():
    for exercise in exercises(2000):
        assert evaluate_statement("Let $a=(3+4) \\cdot 2-1$. Find $a$.") == 13
    assert evaluate_statement("Let $2(a-3)=a+4$, $b=2^3$. Find $10^{3}a-b$.") == 9992
    assert evaluate_statement("Let $4a+3=9$. Find $a$.") * 2 == 3
    assert evaluate_statement("Let $2a+3=2a+4$. Find $a$.") is None
    assert evaluate_statement("Let $a \\cdot a=4$. Find $a$.") is None
    assert evaluate_statement("Let $a=3+4$. Find $b$.") is None
    assert evaluate_statement("How many sides has the figure?") is None


def test_careful_direct_and_column_solutions_box_the_gold_and_sloppy_ones_only_by_luck():
    right = Counter()
    for exercise in exercises(600):
        for mode in (*MODES, "column"):
            text = solve(exercise, mode)
            assert mode_of(text) == mode
            right[mode] += extract(text).answer == str(exercise.gold)
    assert right["careful"] == right["direct"] == right["column"] == 600
    assert right["sloppy"] < 30


def test_the_tokenizer_gives_back_every_statement_and_solution_exactly():
    from mathb_kit.miniature.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    for exercise in exercises(100):
        for mode in (*MODES, "column"):
            text = f"{exercise.statement}\n{solve(exercise, mode)}"
            ids = tokenizer(text)["input_ids"]
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_the_shipped_sets_are_what_their_seeds_draw():
    for name, rows in draw_sets().items():
        assert problem_rows(name) == rows


def test_no_statement_stands_in_two_of_the_plain_sets():
    hashes = [statement_hash(row["statement"]) for name in PLAIN_SETS for row in problem_rows(name)]
    assert len(set(hashes)) == len(hashes)


def test_training_prompts_are_disjoint_from_every_evaluation_set():
    training = {statement_hash(row["statement"]) for row in problem_rows("mini-train")}
    for name in shipped_sets():
        if name != "mini-train":
            assert not training & {statement_hash(row["statement"]) for row in problem_rows(name)}, name


@pytest.mark.parametrize("name", [name for name in shipped_sets() if name.startswith(("mini-aime", "mini-math-b"))])
def test_a_guesser_who_knows_the_golds_of_that_magnitude_stays_below_one_percent_at_1024(name):
    # A guess is a fresh draw from the golds of the same family, level and number of digits. For a random problem the
    # chance of one hit is the collision probability sum p^2, here without bias from pairs of draws; the union bound
    # gives the chance of a hit in 1,024.
    kinds = Counter((row["family"], row["level"], len(row["gold"])) for row in problem_rows(name))
    rng = random.Random(3)
    chance = 0.0
    for (family, level, digits), count in kinds.items():
        golds = []
        while len(golds) < 20_000:
            gold = draw_exercise(rng, family, level).gold
            if len(str(gold)) == digits:
                golds.append(gold)
        pairs = sum(c * (c - 1) for c in Counter(golds).values()) / (len(golds) * (len(golds) - 1))
        chance += count * 1024 * pairs
    assert chance / sum(kinds.values()) <= 0.01
    assert all(int(row["gold"]) >= HARD_GOLD for row in problem_rows(name))
