"""What a canned model says at each attempt, and what a reader of those texts would count; no package but Python's own.

The makers beside this file have each tool run such a model, in the tool's own environment, and write its own log.
"""

PROBLEMS = [f"Find ${i}+{i + 1}$." for i in range(4)]
GOLDS = ["1", "3", "5", "7"]
ATTEMPTS = 4

# By problem and attempt: right, wrong, cut short before any answer, or nothing at all.
SAID = [
    ["right", "wrong", "cut", "right"],
    ["wrong", "wrong", "empty", "wrong"],
    ["right", "right", "right", "right"],
    ["cut", "right", "wrong", "wrong"],
]


def text(problem: int, attempt: int) -> str:
    """The completion; no two are alike, but for the empty ones."""
    said, gold = SAID[problem][attempt], int(GOLDS[problem])
    if said == "empty":
        return ""
    if said == "cut":
        return f"Try {attempt}: let me add the two numbers, carefully, one after"
    value = gold if said == "right" else gold + 1 + attempt
    return f"Try {attempt}: the sum is \\boxed{{{value}}}.\n\nANSWER: {value}"


def counted() -> list[tuple[str, int, int, int]]:
    """(gold, attempts, correct, without an answer) of each problem."""
    return [
        (gold, ATTEMPTS, said.count("right"), said.count("cut") + said.count("empty"))
        for gold, said in zip(GOLDS, SAID)
    ]
