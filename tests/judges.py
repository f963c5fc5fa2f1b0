"""What a worker may meet, on demand: run in place of the real judge."""

from __future__ import annotations

import os
import time


def judge(gold: str, answer: str) -> tuple[bool, str]:
    """Does what the answer says, else compares spellings."""
    if answer == "hang":
        while True:
            pass
    if answer.startswith("work"):
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
    if answer.startswith("wait"):
        time.sleep(600)
    if answer == "die":
        os._exit(3)
    if answer == "raise":
        raise ValueError(gold)
    if answer == "eat memory":
        hoard = []
        while True:
            hoard.append(bytearray(1 << 26))
    return gold == answer, "spelling"


def equal(gold: str, answer: str) -> tuple[bool, str]:
    return True, "by decree"
