"""Tokens per second of the sampling driver beside naive batched ``generate``, on the same prompts in one run.

    python bench/sampling.py [--model mini-base-1] [--attempts 64] [--rounds 3]

Every side samples the same number of attempts of every problem of mini-math and mini-aime. "Naive" is
``network.generate`` on left-padded batches of 512, 2,048 and 8,192 prompts in the order of the sets; the driver's time
includes grouping into chunks and writing the store, not the loading of weights; "own forward" is the driver without
the shortcut for small Llamas, as it runs any other architecture. A token counts if it was sampled up to and including
the end token. The sides take turns within a round; ratios are to the best naive batch of that round.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import torch

from mathb_kit.draw import Draw
from mathb_kit.models import get_model
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.sampling.transformers_engine import TransformersEngine
from mathb_kit.store import Store

_SHORTCUTS = ("is_small_llama", "shares_prefixes")
NAIVE_BATCHES = (512, 2048, 8192)


def driver(model: Model, engine: TransformersEngine, problems: list, attempts: int) -> tuple[int, float]:
    with tempfile.TemporaryDirectory() as folder:
        report = Draw(Store(Path(folder)), model).sample(engine, problems, Plan.fixed(attempts))
    return report.tokens, report.seconds


def naive(engine: TransformersEngine, prompts: list[str], batch: int) -> tuple[int, float]:
    settings, tokenizer = engine.model.sampling, engine.tokenizer
    started, tokens = time.perf_counter(), 0
    for first in range(0, len(prompts), batch):
        inputs = tokenizer(prompts[first : first + batch], return_tensors="pt", padding=True)
        out = engine.network.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=True, top_k=0, top_p=1.0,
            temperature=settings.temperature, max_new_tokens=settings.max_tokens, pad_token_id=tokenizer.pad_token_id,
        )[:, inputs["input_ids"].shape[1] :]  # fmt: skip
        tokens += int((out != tokenizer.pad_token_id).sum())
    return tokens, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="mini-base-1")
    parser.add_argument("--attempts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    model = get_model(arguments.model)
    engine = TransformersEngine(model)
    problems = [*load_problems("mini-math"), *load_problems("mini-aime")]
    prompts = [model.render(problem.statement) for problem in problems for _ in range(arguments.attempts)]
    naive(engine, prompts[:256], 256)  # warm-up
    rows = []
    for turn in range(arguments.rounds):
        rows.append((turn, "mathb_kit driver", *driver(model, engine, problems, arguments.attempts)))
        never = (patch(f"mathb_kit.sampling.weights.{name}", lambda _: False) for name in _SHORTCUTS)
        with next(never), next(never):
            rows.append((turn, "driver, own forward", *driver(model, engine, problems, arguments.attempts)))
        rows += [(turn, f"generate, batch {batch:,}", *naive(engine, prompts, batch)) for batch in NAIVE_BATCHES]
    table = pd.DataFrame(rows, columns=["round", "side", "tokens", "seconds"])
    table["tokens/s"] = (table["tokens"] / table["seconds"]).round(0)
    best = table[table["side"].str.startswith("generate")].groupby("round")["tokens/s"].max()
    table["of best naive"] = (table["tokens/s"] / table["round"].map(best)).round(2)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {len(prompts):,} attempts a side")
    print(table.round({"seconds": 2}).to_string(index=False))
    print("median over rounds of the ratio to the best naive batch:")
    print(table.groupby("side", sort=False)["of best naive"].median().to_string(header=False))


if __name__ == "__main__":
    main()
