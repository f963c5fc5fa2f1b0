"""Stand-ins for the hub's repositories: invented rows in the real columns and types, one folder a set.

The `datasets` library reads a folder with a card like the hub's repository, so everything but the transfer is real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mathb_kit.problems import loader

TEXT, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
CHAT = pa.list_(pa.struct({"content": TEXT, "role": TEXT}))
REWARD = pa.struct({"ground_truth": TEXT, "style": TEXT})
INDEX = pa.struct({"index": TEXT})
PICTURE = pa.struct({"bytes": pa.binary(), "path": TEXT})

BEFORE = (
    "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
    "$Answer (without quotes) where $Answer is the answer to the problem.\n\n"
)
AFTER = '\n\nRemember to put your answer on its own line after "Answer:".'


@dataclass(frozen=True)
class Copy:
    """One repository; ``problems`` are the (id, statement, gold) that its rows mean, worked out by hand."""

    file: str
    columns: dict[str, pa.DataType]
    rows: list[tuple[Any, ...]]
    problems: list[tuple[str, str, str]]
    note: str
    meta: dict[str, Any]  # of the first problem


def _dapo(index: str, problem: str, gold: str) -> tuple[Any, ...]:
    prompt = [{"content": f"{BEFORE}{problem}{AFTER}", "role": "user"}]
    return ("math_dapo", prompt, "MATH", {"ground_truth": gold, "style": "rule-lighteval/MATH_v2"}, {"index": index})


def _deepmath(solutions: bool) -> Copy:
    columns = {"question": TEXT, "final_answer": TEXT, "difficulty": FLOAT, "topic": TEXT}
    columns |= {f"r1_solution_{number}": TEXT for number in (1, 2, 3)}
    algebra = "Mathematics -> Algebra -> Intermediate Algebra -> Other"
    meta = {"difficulty": 5.5, "topic": algebra}
    return Copy(
        "data/train-00000-of-00001.parquet",
        columns,
        [
            ("Is $x \\mapsto 2x$ one-to-one?", "Yes", 5.5, algebra, "a", "b", "c"),
            ("Evaluate $\\int_0^1 3x^2\\,dx$.", "1", -1.0, "Mathematics -> Calculus", "d", "e", "f"),
        ],
        [("1", "Is $x \\mapsto 2x$ one-to-one?", "Yes"), ("2", "Evaluate $\\int_0^1 3x^2\\,dx$.", "1")],
        "2 of 103,022",
        {**meta, "r1_solution_1": "a", "r1_solution_2": "b", "r1_solution_3": "c"} if solutions else meta,
    )


_OLYMPIAD = {
    "id": INT, "question": TEXT, "solution": pa.list_(TEXT), "final_answer": pa.list_(TEXT), "context": TEXT,
    "image_1": PICTURE, "image_2": PICTURE, "modality": TEXT, "difficulty": TEXT, "is_multiple_answer": BOOL,
    "unit": TEXT, "answer_type": TEXT, "error": TEXT, "question_type": TEXT, "subfield": TEXT, "subject": TEXT,
    "language": TEXT,
}  # fmt: skip
_OLYMPIAD_REST = (None, None, "Text-only", "Competition", False, None, "Numerical", None, "Open-ended", "Algebra",
                  "Math", "English")  # fmt: skip

_BASE_STEMS = (
    "qwen2.5-1.5b", "qwen2.5-7b", "qwen2.5-math-1.5b", "qwen2.5-math-7b", "qwen3-4b-base", "qwen3_8b_base", "r1-1.5b",
    "r1-7b", "olmo_7b", "olmo_2_1124_7b", "llama3.1_8b",
)  # fmt: skip
_STEMS = (*_BASE_STEMS, "qwen3_8b", "skywork_or1_7b")
_MATH_B = {"problem": TEXT, "answer": TEXT, "data_source": TEXT, "topic": TEXT, "difficulty": FLOAT}
_MATH_B |= {f"{stem}_unsolved": BOOL for stem in _STEMS} | {f"{stem}_pass@1024": FLOAT for stem in _STEMS}


def _math_b(problem: str, gold: str, unsolved: set[str]) -> tuple[Any, ...]:
    flags = [stem in unsolved for stem in _STEMS]
    return (problem, gold, "invented", "Algebra", 4.0, *flags, *(float(not flag) for flag in flags))


COPIES: dict[str, Copy] = {
    "math-500": Copy(
        "test.jsonl",
        {"problem": TEXT, "solution": TEXT, "answer": TEXT, "subject": TEXT, "level": INT, "unique_id": TEXT},
        [("Simplify $\\frac{2}{4}$.", "It is $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}", "Algebra", 1, "test/a/1.json")],
        [("test/a/1.json", "Simplify $\\frac{2}{4}$.", "\\frac{1}{2}")],
        "1 of 500",
        {"solution": "It is $\\boxed{\\frac{1}{2}}$.", "subject": "Algebra", "level": 1},
    ),
    "math-test": Copy(
        "data/test-00000-of-00001.parquet",
        {"problem": TEXT, "level": TEXT, "solution": TEXT, "type": TEXT},
        [
            ("What is $\\frac{1}{2}+\\frac{1}{3}$?", "Level 1", "It is $\\boxed{\\frac{5}{6}}$.", "Prealgebra"),
            ("What is $2+2$?", "Level 1", "$\\boxed{4}$. Or count: $\\boxed{4}$.", "Prealgebra"),
            ("What is $3/2$?", "Level 1", "$\\boxed{1\\frac12}$, or $\\boxed{\\frac{3}{2}}$.", "Prealgebra"),
            ("Solve $x^2=9$. Both, separated by commas.", "Level 2", "$\\boxed{-3}$ and $\\boxed{3}$.", "Algebra"),
        ],
        [
            ("1", "What is $\\frac{1}{2}+\\frac{1}{3}$?", "\\frac{5}{6}"),
            ("2", "What is $2+2$?", "4"),
            ("3", "What is $3/2$?", "\\frac{3}{2}"),
            ("4", "Solve $x^2=9$. Both, separated by commas.", "-3, 3"),
        ],
        "4 of 5,000; 2 golds from solutions with boxes that differ",
        {"level": "Level 1", "solution": "It is $\\boxed{\\frac{5}{6}}$.", "type": "Prealgebra"},
    ),
    "aime-2024": Copy(
        "data/train-00000-of-00001.parquet",
        {"id": INT, "problem": TEXT, "solution": TEXT, "answer": TEXT, "url": TEXT, "year": TEXT},
        [(60, "Find $5^2$.", "Square it.", "025", "https://example.org/60", "2024")],
        [("60", "Find $5^2$.", "25")],
        "1 of 30",
        {"solution": "Square it.", "url": "https://example.org/60", "year": "2024"},
    ),
    "aime-2025": Copy(
        "test.jsonl",
        {"problem": TEXT, "answer": TEXT, "id": TEXT},
        [("Find $100-30$.", "70", "0"), ("Find the angle $36^\\circ + 300^\\circ$.", "336^\\circ", "1")],
        [("0", "Find $100-30$.", "70"), ("1", "Find the angle $36^\\circ + 300^\\circ$.", "336")],
        "2 of 30",
        {},
    ),
    "amc-23": Copy(
        "test-00000-of-00001.parquet",
        {"id": INT, "answer": FLOAT, "url": TEXT, "question": TEXT},
        [(0, 27.0, "https://example.org/0", "Find $3^3$.")],
        [("0", "Find $3^3$.", "27")],
        "1 of 40",
        {"url": "https://example.org/0"},
    ),
    "minerva-math": Copy(
        "test.jsonl",
        {"question": TEXT, "answer": TEXT},
        [("How many metres are $3$ km?", "3000"), ("State $E$ for mass $m$.", "m c^2")],
        [("1", "How many metres are $3$ km?", "3000"), ("2", "State $E$ for mass $m$.", "m c^2")],
        "2 of 272",
        {},
    ),
    "gsm8k": Copy(
        "main/test-00000-of-00001.parquet",
        {"question": TEXT, "answer": TEXT},
        [("How many?", "It is 3*7=<<3*7=21>>21 boxes.\nSo 1,021.\n#### 1,021"), ("Who is $2 short?", "Ann.\n#### -2")],
        [("1", "How many?", "1021"), ("2", "Who is $2 short?", "-2")],
        "2 of 1,319",
        {"solution": "It is 3*7=21 boxes.\nSo 1,021."},
    ),
    "gsm8k-train": Copy(
        "main/train-00000-of-00001.parquet",
        {"question": TEXT, "answer": TEXT},
        [("How long?", "#### 3")],
        [("1", "How long?", "3")],
        "1 of 7,473",
        {"solution": ""},
    ),
    "olympiadbench": Copy(
        "OlympiadBench/OE_TO_maths_en_COMP/OE_TO_maths_en_COMP.parquet",
        _OLYMPIAD,
        [
            (1606, "Find $a$.", ["It is 2."], ["$2$"], None, *_OLYMPIAD_REST),
            (1607, "Find $b$ and $c$.", ["Add."], ["$b=3$, $c=4$"], "Let $a = 2$.\n", *_OLYMPIAD_REST),
        ],
        [("1606", "Find $a$.", "2"), ("1607", "Let $a = 2$.\nFind $b$ and $c$.", "b=3, c=4")],
        "2 of 674",
        {
            "solution": ["It is 2."], "modality": "Text-only", "difficulty": "Competition", "is_multiple_answer": False,
            "unit": None, "answer_type": "Numerical", "error": None, "question_type": "Open-ended",
            "subfield": "Algebra", "subject": "Math", "language": "English",
        },
    ),
    "dapo-math-17k": Copy(
        "data/dapo-math-17k.parquet",
        {"data_source": TEXT, "prompt": CHAT, "ability": TEXT, "reward_model": REWARD, "extra_info": INDEX},
        # Three prompts a hundred times; the last two are one text under two indices, as DAPO has them.
        [_dapo("u-1", "Find $1+1$.", "2"), *(_dapo(index, "Find $6\\cdot7$.", "42") for index in ("u-2", "u-3"))] * 100,
        [("u-1", "Find $1+1$.", "2"), ("u-2", "Find $6\\cdot7$.", "42"), ("u-3", "Find $6\\cdot7$.", "42")],
        "3 of 17,917; 300 rows, 3 prompts",
        {},
    ),
    "dapo-math-17k-processed": Copy(
        "all/train-00000-of-00001.parquet",
        {"prompt": TEXT, "solution": TEXT, "data_source": TEXT, "source_prompt": CHAT, "ability": TEXT,
         "reward_model": REWARD, "extra_info": INDEX},
        [
            ("Find $1+1$.", "2", "math_dapo", [{"content": f"{BEFORE}Find $1+1$.{AFTER}", "role": "user"}], "MATH",
             {"ground_truth": "2", "style": "rule-lighteval/MATH_v2"}, {"index": "u-1"}),
        ],
        [("u-1", "Find $1+1$.", "2")],
        "1 of 17,398",
        {},
    ),
    "deepscaler": Copy(
        "deepscaler.json",
        {"problem": TEXT, "answer": TEXT, "solution": TEXT},
        [("Find $2^3$.", "8", "Double twice."), ("Find $\\sqrt{2}$.", "", "")],
        [("1", "Find $2^3$.", "8"), ("2", "Find $\\sqrt{2}$.", "")],
        "2 of 40,315; 1 without a gold",
        {"solution": "Double twice."},
    ),
    "deepmath-103k": _deepmath(solutions=False),
    "deepmath-103k-r1": _deepmath(solutions=True),
    "oreal-rl-prompts": Copy(
        "data/train-00000-of-00001.parquet",
        {"question": TEXT, "gold_answer": TEXT, "pass_rate": FLOAT},
        [("Find $7-9$.", "-2", 0.0625)],
        [("1", "Find $7-9$.", "-2")],
        "1 of 4,214",
        {"pass_rate": 0.0625},
    ),
    "math-b": Copy(
        "test.parquet",
        _MATH_B,
        [_math_b("Find $x$.", "5", {"r1-7b", "qwen3_8b"}), _math_b("Find $y$.", "6", set(_STEMS))],
        [("1", "Find $x$.", "5"), ("2", "Find $y$.", "6")],
        "2 of 181",
        {"data_source": "invented", "topic": "Algebra", "difficulty": 4.0}
        | {f"{stem.replace('_', '-')}_unsolved": stem in ("r1-7b", "qwen3_8b") for stem in _STEMS}
        | {f"{stem}_pass@1024": float(stem not in ("r1-7b", "qwen3_8b")) for stem in _STEMS},
    ),
    "math-b-i": Copy(
        "test.parquet",
        _MATH_B,
        [_math_b("Find $x$.", "5", {"r1-7b"}), _math_b("Find $y$.", "6", set(_BASE_STEMS))],
        [("1", "Find $y$.", "6")],
        "1 of 40",
        {"data_source": "invented", "topic": "Algebra", "difficulty": 4.0}
        | {f"{stem.replace('_', '-')}_unsolved": stem in _BASE_STEMS for stem in _STEMS}
        | {f"{stem}_pass@1024": float(stem not in _BASE_STEMS) for stem in _STEMS},
    ),
}  # fmt: skip


def write_copy(folder: Path, copy: Copy, config: str, split: str) -> None:
    """A repository with a card, as on the hub."""
    path = folder / copy.file
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [dict(zip(copy.columns, row, strict=True)) for row in copy.rows]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(copy.columns)), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    (folder / "README.md").write_text(
        f"---\nconfigs:\n- config_name: {config}\n  data_files:\n  - split: {split}\n    path: {copy.file}\n---\n"
    )


def stand_in(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, copy: Copy | None = None) -> Copy:
    """Let a registered set's hub repository be a folder with its invented copy."""
    entry, copy = loader.registry()[name], copy or COPIES[name]
    repository = folder / f"hub-{name}"
    write_copy(repository, copy, entry.hub.config or "default", entry.hub.split)
    hub = entry.hub.model_copy(update={"path": str(repository), "revision": None})
    monkeypatch.setitem(loader.registry(), name, entry.model_copy(update={"hub": hub}))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", folder / "cache")
    return copy
