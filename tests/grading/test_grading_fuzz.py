"""Extraction on rubbish: never an exception, never more than the text holds, and an answer gives itself.

30 s; MATHB_FUZZ_SECONDS for longer, MATHB_FUZZ_SEED for other texts.
"""

import json
import os
import random
import time

import pytest

from mathb_kit.grading import extract, extract_all

PIECES = [
    "\\boxed{", "\\boxed", "\\fbox{", "{", "}", "\\{", "\\}", "\\\\", "$", "$$", "\\(", "\\)", "<think>", "</think>",
    "◁think▷", "final answer is", "Answer:", "#### ", "\n", "\n\nQ:", "Problem:", "<answer>", "</answer>", " and ", ",",
    "12", "x=", "\\frac{1}{2}", "\\text{", "\u2028", "\u202e", "\x00", "\ud800", "é", "答案是", "9" * 50, " " * 30,
    "\\boxed 7", "**", "|", "A:", "is", "is the answer", " to ", "Problem 2\n", "</s>", "FINAL ANSWER", "a.",
]  # fmt: skip


def check(text: str) -> None:
    """Whatever the text, whatever is asked of it.

    Idempotence: what is extracted, under any policy, is as a bare answer its own answer. It holds for answers of up to
    4,000 characters; longer ones are not read again.
    """
    for kind in ("response", "answer"):
        for policy in ("last_box", "first_box"):
            found = extract(text, kind=kind, policy=policy)
            assert (found.answer is None) == (found.how in ("nothing declared", "unfinished thinking"))
            if found.answer is not None:
                assert set(found.answer) <= set(text) | set(", -()")
                assert len(found.answer) > 4000 or extract(found.answer, kind="answer").answer == found.answer
    answers = extract_all(text)
    for answer in answers:
        assert extract(answer, kind="answer").answer == answer or len(answer) > 4000
    for policy in ("last_box", "first_box"):
        answer = extract(text, policy=policy).answer
        assert answer is None or answer in answers


@pytest.mark.slow
def test_extraction_holds_its_promises_on_rubbish():
    rng = random.Random(int(os.environ.get("MATHB_FUZZ_SEED", "0")))
    end = time.monotonic() + float(os.environ.get("MATHB_FUZZ_SECONDS", "30"))
    texts = 0
    while time.monotonic() < end:
        check("".join(rng.choices(PIECES, k=rng.randint(0, 60))))
        texts += 1
    assert texts > 1000


@pytest.mark.slow
def test_extraction_holds_its_promises_on_real_completions_cut_and_spliced(data_folder):
    path = data_folder / "samples_dev.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    texts = [sample["response"] for row in rows for sample in row["samples"]]
    rng = random.Random(1)
    for text in texts:
        check(text)
        at, other = rng.randrange(len(text)), rng.choice(texts)
        check(text[:at] + "".join(rng.choices(PIECES, k=rng.randint(0, 4))) + other[-rng.randrange(1, 600) :])
