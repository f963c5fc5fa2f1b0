"""What grading says of an attempt."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The grader's verdict on one attempt; members equal the texts that stores and tables hold.

    What a judge model thinks of an attempt is no member: it gets an enumeration of its own beside this one, under
    names of its own, because it must never pass for a verdict of the ladder.
    """

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    GRADER_FAILED = "grader_failed"
