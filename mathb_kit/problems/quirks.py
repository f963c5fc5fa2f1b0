"""What is odd about single sources, each in one function that turns its rows into rows of a plain set.

A quirk sees rows wherever they come from, the hub or a local copy, and leaves alone what is plain already: a mirror
holds rows after their quirk. What a reader of the set must know goes into ``remarks`` once the rows are through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.problems.files import Rows
from mathb_kit.problems.registry import Fields

Quirk = Callable[[Rows, Fields, list[str]], Iterator[tuple[str, dict[str, Any]]]]

# DAPO asks for the last line "Answer: ..." round every problem, which is the prompt's business and not the problem's.
_DAPO_BEFORE = (
    "Solve the following math problem step by step. The last line of your response should be of the form "
    "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
)
_DAPO_AFTER = '\n\nRemember to put your answer on its own line after "Answer:".'

_INTEGER = re.compile(r"\$?\s*([+-]?\d+)(?:\.0*)?\s*(?:\^\s*\{?\s*\\circ\s*\}?)?\s*\$?")
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*\{")
_BRACE = re.compile(r"\\.|[{}]", re.S)


def dapo_prompts(rows: Rows, fields: Fields, remarks: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """DAPO-Math-17k: the problem out of a chat prompt, the gold out of ``reward_model``, each index once.

    The hub's file repeats every row about 100 times. Rows that agree in index, problem and gold are copies; only the
    distinct ones are held. Two rows of one index that differ both go on, for the loader to refuse.
    """
    seen: set[tuple[str, str, str]] = set()
    read = 0
    for where, row in rows:
        read += 1
        if "reward_model" not in row:
            yield where, row
            continue
        prompt = row["prompt"]
        if not isinstance(prompt, str):
            asked = [turn["content"] for turn in prompt if turn["role"] == "user"]
            if len(asked) != 1:
                raise MathbError(f"{where}: the prompt has {len(asked)} turns of the user where one is the problem.")
            prompt = asked[0]
        problem = prompt.removeprefix(_DAPO_BEFORE).removesuffix(_DAPO_AFTER)
        key = (row["extra_info"]["index"], problem, row["reward_model"]["ground_truth"])
        if key not in seen:
            seen.add(key)
            yield where, dict(zip((fields.id, fields.statement, fields.gold), key, strict=True))
    if 0 < len(seen) < read:
        remarks.append(f"{read:,} rows, {len(seen):,} prompts")


def boxed_solutions(rows: Rows, fields: Fields, remarks: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    r"""MATH: the gold is the last ``\boxed{}`` of the solution.

    Where the boxes differ and the problem wants its answers "separated by commas", all of them make the gold. Boxes
    that differ are kept as ``boxes``: the last may be a second form of the answer or one that is accepted, too.
    """
    differing = 0
    for where, row in rows:
        if not row.get(fields.gold):
            golds = boxes(row.get("solution") or "")
            if not golds:
                raise MathbError(f"{where} has no complete \\boxed{{}} in its solution; add the field {fields.gold!r}.")
            distinct = list(dict.fromkeys(golds))
            several = "separated by comma" in (row.get(fields.statement) or "")
            row = {**row, fields.gold: ", ".join(distinct) if several else golds[-1]}
            if len(distinct) > 1:
                row["boxes"] = distinct
        differing += "boxes" in row
        yield where, row
    if differing:
        remarks.append(f"{differing:,} golds from solutions with boxes that differ")


def whole_number_golds(rows: Rows, fields: Fields, remarks: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    r"""AIME and AMC: every gold is an integer, also where a source writes ``025``, ``27.0`` or ``336^\circ``."""
    for where, row in rows:
        if row.get(fields.gold) is not None:  # the loader names the missing ones
            gold = integer(str(row[fields.gold]))
            if gold is None:
                raise MathbError(f"{where}: the {fields.gold} {row[fields.gold]!r} is not an integer; correct it.")
            row = {**row, fields.gold: gold}
        yield where, row


def olympiad_bench(rows: Rows, fields: Fields, remarks: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """OlympiadBench: the context stands before the question, the golds are a list in dollars, pictures are columns.

    Several golds are joined with commas, as several values within one gold are.
    """
    for where, row in rows:
        row = dict(row)
        if (context := row.pop("context", None)) and row.get(fields.statement):
            row[fields.statement] = f"{context.strip()}\n{row[fields.statement]}"
        pictures = [column for column in row if column.startswith("image_")]
        if shown := [column for column in pictures if row.pop(column) is not None]:
            raise MathbError(f"{where} needs the picture in {shown[0]!r}; take the text-only part of OlympiadBench.")
        golds = row.get(fields.gold)
        if isinstance(golds, list):
            row[fields.gold] = ", ".join(without_dollars(gold) for gold in golds)
        yield where, row


def worked_answers(rows: Rows, fields: Fields, remarks: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """GSM8K: the gold stands behind ``####`` at the end of the worked solution, thousands with commas.

    The solution is kept as ``solution``, without the calculator's ``<<6*7=42>>``.
    """
    for where, row in rows:
        if fields.gold not in row and isinstance(row.get("answer"), str):
            solution, mark, gold = row["answer"].rpartition("####")
            if not mark:
                raise MathbError(f"{where} has no #### before its gold; add the field {fields.gold!r}.")
            solution = re.sub(r"<<[^<>]*>>", "", solution).strip()
            row = {**row, fields.gold: gold.strip().replace(",", ""), "solution": solution}
            del row["answer"]
        yield where, row


def body_and_question(rows: Rows, fields: Fields, remarks: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """ASDiv and SVAMP: the story and its question are two columns, and ASDiv's golds carry a unit: ``9 (apples)``."""
    for where, row in rows:
        row = dict(row)
        body = row.pop("body", None) or row.pop("Body", None)
        if body and row.get(fields.statement):
            body = body.strip()
            row[fields.statement] = f"{body}{'' if body[-1] in '.?!' else '.'} {row[fields.statement]}"
        if isinstance(gold := row.get(fields.gold), str):
            row[fields.gold] = re.sub(r"\s*\([^()]*\)$", "", gold)
        yield where, row


def integer(text: str) -> str | None:
    r"""The integer that a source means by ``025``, ``27.0``, ``$12$`` or ``336^\circ``; None where it is none."""
    match = _INTEGER.fullmatch(text.strip())
    return str(int(match[1])) if match else None


def boxes(solution: str) -> list[str]:
    r"""Contents of all complete ``\boxed{...}`` and ``\fbox{...}`` of a solution, outermost ones, in their order."""
    contents, at = [], 0
    while match := _BOX.search(solution, at):
        depth, at = 1, match.end()
        for brace in _BRACE.finditer(solution, match.end()):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if not depth:
                contents.append(solution[match.end() : brace.start()].strip())
                at = brace.end()
                break
    return contents


def without_dollars(text: str) -> str:
    """The text without its unescaped dollar signs: ``$2$, $3$`` is ``2, 3``."""
    return re.sub(r"(?<!\\)\$", "", text).strip()


QUIRKS: dict[str, Quirk] = {
    "dapo-prompts": dapo_prompts,
    "boxed-solutions": boxed_solutions,
    "integer-golds": whole_number_golds,
    "olympiad-bench": olympiad_bench,
    "worked-answers": worked_answers,
    "body-and-question": body_and_question,
}
