"""Extraction on rubbish: never an exception, never more than the text holds. 30 s; MATHB_FUZZ_SECONDS for longer."""

import os
import random
import time

import pytest

from mathb_kit.grading import extract

PIECES = [
    "\\boxed{", "\\boxed", "\\fbox{", "{", "}", "\\{", "\\}", "\\\\", "$", "$$", "\\(", "\\)", "<think>", "</think>",
    "◁think▷", "final answer is", "Answer:", "#### ", "\n", "\n\nQ:", "Problem:", "<answer>", "</answer>", " and ", ",",
    "12", "x=", "\\frac{1}{2}", "\\text{", "\u2028", "\u202e", "\x00", "\ud800", "é", "答案是", "9" * 50, " " * 30,
    "\\boxed 7", "**", "|",
]  # fmt: skip


@pytest.mark.slow
def test_extraction_never_raises_and_only_returns_what_the_text_holds():
    rng = random.Random(int(os.environ.get("MATHB_FUZZ_SEED", "0")))
    end = time.monotonic() + float(os.environ.get("MATHB_FUZZ_SECONDS", "30"))
    texts = 0
    while time.monotonic() < end:
        text = "".join(rng.choices(PIECES, k=rng.randint(0, 60)))
        for kind in ("response", "answer"):
            for policy in ("last_box", "first_box"):
                answer = extract(text, kind=kind, policy=policy).answer
                assert answer is None or set(answer) <= set(text) | set(", ")
        texts += 1
    assert texts > 1000
