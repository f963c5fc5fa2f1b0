"""Our own store's export written as the logs of other tools, in the layouts that these tools write."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

Row = dict[str, Any]


def by_problem(rows: Iterable[Row]) -> Iterable[tuple[str, list[Row]]]:
    ordered = sorted(rows, key=lambda row: (row["problem"], row["index"]))
    return ((problem, list(group)) for problem, group in groupby(ordered, lambda row: row["problem"]))


def inspect_log(rows: list[Row], version: int = 2) -> Row:
    samples = [
        {
            "id": row["problem"], "epoch": row["index"] + 1, "target": row["gold"],
            "output": {"completion": row["text"], "usage": {"output_tokens": row["tokens"]},
                       "choices": [{"message": {"role": "assistant", "content": row["text"]},
                                    "stop_reason": "stop" if row["finish"] == "stop" else "max_tokens"}]},
            "scores": {"match": {"value": "C" if row["verdict"] == "correct" else "I"}},
        }
        for row in rows
    ]  # fmt: skip
    told = {"model": rows[0]["model"], "task": "t", "dataset": {"name": "mini-aime"}, "config": {"epochs": 4}}
    return {"version": version, "status": "success", "eval": told, "plan": {"config": {"temperature": 1}},
            "samples": samples}  # fmt: skip


def write_inspect_json(rows: list[Row], folder: Path) -> Path:
    path = folder / "log.json"
    path.write_text(json.dumps(inspect_log(rows)))
    return path


def write_inspect_eval(rows: list[Row], folder: Path) -> Path:
    path, log = folder / "log.eval", inspect_log(rows)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for sample in log.pop("samples"):
            name = sample["id"].replace("/", "_")
            archive.writestr(f"samples/{name}_epoch_{sample['epoch']}.json", json.dumps(sample))
        archive.writestr("header.json", json.dumps(log))
    return path


def write_lm_eval(rows: list[Row], folder: Path) -> Path:
    path = folder / "samples_mini_2026-01-01T00-00-00.000000.jsonl"
    lines = [
        {"doc_id": problem, "doc": {}, "target": group[0]["gold"], "resps": [[row["text"] for row in group]],
         "filtered_resps": [], "filter": name, "metrics": ["exact_match"], "exact_match": 0.0,
         "arguments": {"gen_args_0": {"arg_0": "", "arg_1": {"temperature": 1.0}}}}
        for problem, group in by_problem(rows)
        for name in ("strict-match", "flexible-extract")
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "results_2026-01-01T00-00-00.000000.json").write_text(
        json.dumps({"model_name": rows[0]["model"], "lm_eval_version": "0.4.13"})
    )
    return path


def write_lighteval(rows: list[Row], folder: Path) -> Path:
    path = folder / "details_mini_2026-01-01T00-00-00.parquet"
    pd.DataFrame(
        [
            {"doc": {"id": problem, "query": "", "choices": [group[0]["gold"]], "gold_index": 0},
             "model_response": {"text": [row["text"] for row in group]}, "metric": {"pass@k": 0.5}}
            for problem, group in by_problem(rows)
        ]
    ).to_parquet(path)  # fmt: skip
    return path


def write_plain(rows: list[Row], folder: Path) -> Path:
    path = folder / "plain.jsonl"
    lines = [
        {"id": problem, "gold": group[0]["gold"], "completions": [row["text"] for row in group]}
        for problem, group in by_problem(rows)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_verl(rows: list[Row], folder: Path) -> Path:
    path = folder / "12.jsonl"
    lines = [
        {"input": row["problem"], "output": row["text"], "gts": row["gold"], "step": 12,
         "score": float(row["verdict"] == "correct")}
        for row in rows
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_trl(rows: list[Row], folder: Path) -> Path:
    path = folder / "completions_00012.parquet"
    pd.DataFrame(
        [
            {"step": 12, "prompt": [{"role": "user", "content": row["problem"]}],
             "completion": [{"role": "assistant", "content": row["text"]}], "answer": row["gold"],
             "accuracy_reward": float(row["verdict"] == "correct"), "advantage": 0.1}
            for row in rows
        ]
    ).to_parquet(path)  # fmt: skip
    return path


WRITERS: dict[str, Callable[[list[Row], Path], Path]] = {
    "inspect json": write_inspect_json,
    "inspect eval": write_inspect_eval,
    "lm-eval": write_lm_eval,
    "lighteval": write_lighteval,
    "jsonl": write_plain,
    "verl": write_verl,
    "trl": write_trl,
}
