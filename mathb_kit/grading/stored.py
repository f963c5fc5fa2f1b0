"""Verdicts of stored attempts: texts become answers shard by shard, each distinct (gold, answer) is graded once."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.grading.extraction import POLICIES, extract, extract_all
from mathb_kit.grading.grader import Grader
from mathb_kit.grading.versions import EXTRACTOR_VERSION
from mathb_kit.progress import progress
from mathb_kit.store import Store
from mathb_kit.store.draw import StoredDraw
from mathb_kit.verdicts import Verdict

# Of several answers to one attempt the verdict is the first of these that any of them has.
_RANK = {Verdict.CORRECT: 0, Verdict.GRADER_FAILED: 1, Verdict.WRONG: 2, Verdict.NO_ANSWER: 3}


_GRADERS: dict[Path, Grader] = {}
_USERS: Counter[Path] = Counter()
_LOCK = threading.Lock()


@contextmanager
def grader_of(store: Store) -> Iterator[Grader]:
    """The one grader that this process has for a store: what it once read or decided is known at its next use.

    Reading the verdicts of a study anew for each of its evaluations took longer than anything else about them. The
    workers end with the last user, and a store whose folder is gone is forgotten.
    """
    root = Path(os.path.realpath(store.root))  # which `resolve` refuses where links go round
    with _LOCK:
        if not root.is_dir():
            _GRADERS.pop(root, None)
        grader = _GRADERS.setdefault(root, Grader(Store(root)))
        _USERS[root] += 1
    try:
        yield grader
    finally:
        with _LOCK:
            _USERS[root] -= 1
            if not _USERS[root]:
                grader.close()


def read_verdicts(draw: StoredDraw, golds: Mapping[str, str], grader: Grader, policy: str = "last_box") -> pd.DataFrame:
    """Extract what is not extracted yet, grade what is not graded yet, and return one row per attempt.

    Args:
        draw: its store holds the attempts and receives answers, kept apart by extractor version and policy; its model
            knows the stop strings.
        golds: gold by problem key; only attempts at these problems are returned.
        grader: grades the answers.
        policy: which answer counts, see `mathb_kit.grading.extraction`. Under ``any_box`` an attempt is correct if one
            of its answers is, and ``grader_failed`` if none is and one of them could not be graded; the answer and the
            rung shown are those of the verdict.

    Returns:
        model, problem, draw, index, answer (null: none), truncated, tokens, gold, verdict, rung; sorted by problem and
        index.

    Raises:
        MathbError: an unknown policy, or what the store and the grader report.
    """
    if policy not in POLICIES:
        raise MathbError(f"Unknown extraction policy {policy!r}; choose one of {', '.join(POLICIES)}.")
    extractor = f"{EXTRACTOR_VERSION}-{policy}"
    _extract_pending(draw, extractor, policy)
    answers = draw.store.read_answers(extractor, draw.model_key, draw.name, problems=list(golds))
    answers = answers.assign(gold=answers["problem"].map(golds))
    return grader.grade_answers(answers) if policy != "any_box" else _best(answers, grader)


def _extract_pending(draw: StoredDraw, extractor: str, policy: str) -> None:
    store, model_key, stop = draw.store, draw.model_key, draw.model.sampling.stop
    shards = store.pending_shards(extractor, model_key, draw.name)
    if not shards:
        return
    with progress(len(shards), f"reading answers ({policy})", "shards") as bar:
        for shard, attempts in store.pending_answers(extractor, model_key, draw.name):
            # Tiny and sharpened models repeat themselves: each distinct text is read once.
            codes, texts = pd.factorize(attempts["text"])
            answers = np.empty(len(texts), dtype=object)
            answers[:] = [_stored_answer(text, stop, policy) for text in texts]
            attempts["answer"] = answers[codes]
            attempts["truncated"] = attempts["finish"] != "stop"
            store.commit_answers(extractor, model_key, draw.name, shard, attempts)
            bar.update(1)


def _stored_answer(text: str, stop: Sequence[str], policy: str) -> str | None:
    """What the answers table holds: the answer, or under ``any_box`` a JSON list of them; None for none."""
    if policy != "any_box":
        return extract(text, stop=stop, policy=policy).answer
    answers = extract_all(text, stop=stop)
    return json.dumps(answers) if answers else None


def _best(attempts: pd.DataFrame, grader: Grader) -> pd.DataFrame:
    """Verdicts of attempts whose ``answer`` is a JSON list."""
    lists = attempts["answer"].astype(object)
    distinct = lists.dropna().unique()
    attempts = attempts.assign(answer=lists.map(dict(zip(distinct, map(json.loads, distinct)))))
    graded = grader.grade_answers(attempts.explode("answer"))
    order = np.lexsort((graded["verdict"].map(_RANK), graded.index))  # stable: of equals the first answer
    return graded.iloc[order][~graded.index[order].duplicated()]
