"""Tokens per second of our engine on a real checkpoint, beside naive ``generate``, vLLM and a llama.cpp server.

    python bench/real_models.py --model FOLDER [--attempts 128] [--problems 4] [--max-tokens 256] [--only NAME]

Every side gets the same chat prompts and settings, at top_p 1 and 0.95, temperature 1 and no top-k, in the
checkpoint's own dtype; each runs in a process of its own, one after the other, so that peak memory is its own. Naive
``generate`` runs one batch of 32, one of 128 and one of 512 prompts. vLLM runs where ``MATHB_VLLM_PYTHON`` or this
interpreter has it; a llama.cpp server is timed where ``--llama-url`` says that one runs (its weights may be
quantized, which is faster). Loading and starting are not timed. A token counts if it was sampled up to and including
the end token. ``cpu`` is this process's processor time, where all the work is in it: on a busy machine compare by it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

from mathb_kit.models.model import Model, Sampling

STATEMENTS = (
    "Ann has 3 boxes of 12 eggs and sells 17 eggs. How many eggs are left?",
    "What is the remainder when 7^5 is divided by 6?",
    "A train goes 150 km in 2 hours. How far does it go in 5 hours at this speed?",
    "Solve 3x + 7 = 25 for x.",
)
REQUEST = "{problem}\nPut your final answer within \\boxed{}."
NAIVE_BATCHES = (32, 128, 512)
CHUNK = 32  # attempts


def chunks(model: Model, options: argparse.Namespace) -> list:
    from mathb_kit.sampling.engine import Chunk

    return [
        Chunk(str(number), model.render(statement), first, min(CHUNK, options.attempts - first), 1000 * number + first)
        for number, statement in enumerate(STATEMENTS[: options.problems])
        for first in range(0, options.attempts, CHUNK)
    ]


def engine_run(engine: object, model: Model, options: argparse.Namespace) -> Callable[[], int]:
    return lambda: sum(c.tokens for _, completions in engine.sample(chunks(model, options)) for c in completions)


def ours(model: Model, options: argparse.Namespace) -> Callable[[], int]:
    from mathb_kit.sampling.transformers_engine import TransformersEngine

    return engine_run(TransformersEngine(model), model, options)


def vllm(model: Model, options: argparse.Namespace) -> Callable[[], int]:
    from mathb_kit.sampling.vllm_engine import VllmEngine

    engine = VllmEngine(model, gpu_memory_utilization=0.4)
    list(engine.sample([replace(chunks(model, options)[0], size=1)]))  # it starts at its first chunk
    return engine_run(engine, model, options)


def naive(model: Model, options: argparse.Namespace, batch: int) -> Callable[[], int]:
    import torch

    from mathb_kit.sampling.transformers_engine import TransformersEngine

    engine, settings = TransformersEngine(model), model.sampling
    tokenizer = engine.tokenizer
    prompts = [tokenizer.decode(engine.encode(model.render(statement))) for statement in STATEMENTS[: options.problems]]
    inputs = tokenizer(
        [prompts[row % len(prompts)] for row in range(batch)],
        return_tensors="pt", padding=True, add_special_tokens=False,
    )  # fmt: skip

    def run() -> int:
        with torch.inference_mode():
            out = engine.network.generate(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=True, top_k=0,
                top_p=settings.top_p, temperature=1.0, max_new_tokens=settings.max_tokens,
                pad_token_id=tokenizer.pad_token_id,
            )[:, inputs["input_ids"].shape[1] :]  # fmt: skip
        ended = torch.isin(out, torch.tensor(engine._ends))
        return int((ended.cumsum(1) - ended.long() == 0).sum())  # up to and including the first end token

    return run


def llama_server(model: Model, options: argparse.Namespace) -> Callable[[], int]:
    from mathb_kit.models.chat import chat_turns

    def ask(turn: str) -> int:
        body = {
            "messages": chat_turns(model, turn), "temperature": 1.0, "top_p": model.sampling.top_p, "top_k": 0,
            "min_p": 0.0, "max_tokens": model.sampling.max_tokens,
        }  # fmt: skip
        request = Request(
            options.llama_url.rstrip("/") + "/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=3600) as reply:
            return json.load(reply)["usage"]["completion_tokens"]

    def run() -> int:
        turns = [chunk.prompt for chunk in chunks(model, options) for _ in range(chunk.size)]
        with ThreadPoolExecutor(32) as pool:
            return sum(pool.map(ask, turns))

    return run


SIDES: dict[str, Callable[[Model, argparse.Namespace], Callable[[], int]]] = {
    "ours": ours,
    **{f"generate-{batch}": partial(naive, batch=batch) for batch in NAIVE_BATCHES},
    "vllm": vllm,
    "llama.cpp": llama_server,
}


def measure(side: str, top_p: float, options: argparse.Namespace) -> None:
    """In a process of its own: one line of JSON."""
    dtype = json.loads((options.model / "config.json").read_text()).get("dtype", "float32")
    model = Model(
        options.model.name, str(options.model), prompt="chat", user=REQUEST, dtype=dtype,
        sampling=Sampling(top_p=top_p, max_tokens=options.max_tokens),
    )  # fmt: skip
    run = SIDES[side](model, options)
    started, spent = time.perf_counter(), _cpu_seconds()
    tokens = run()
    seconds, spent = time.perf_counter() - started, _cpu_seconds() - spent
    inside = side not in ("vllm", "llama.cpp")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 + _children_peak_megabytes()
    result = {"side": side, "top_p": top_p, "tokens": tokens, "seconds": seconds}
    result |= {"cpu": spent if inside else None, "peak MB": peak if side != "llama.cpp" else None}
    print("RESULT " + json.dumps(result), flush=True)


def _children_peak_megabytes() -> int:
    """vLLM works in a child: the largest memory that each running child has held."""
    import psutil

    status = (Path(f"/proc/{child.pid}/status").read_text() for child in psutil.Process().children(recursive=True))
    return sum(int(text.split("VmHWM:")[1].split()[0]) // 1024 for text in status if "VmHWM:" in text)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint folder with a chat template")
    parser.add_argument("--attempts", type=int, default=128)
    parser.add_argument("--problems", type=int, default=len(STATEMENTS))
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--top-p", type=float, nargs="+", default=[1.0, 0.95])
    parser.add_argument("--only", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--llama-url", help="of a running llama.cpp server, e.g. http://127.0.0.1:8080/v1")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], float(options.measure[1]), options)
        return
    import pandas as pd

    rows = []
    for top_p in options.top_p:
        for side in options.only:
            if side == "llama.cpp" and not options.llama_url:
                continue
            command = [sys.executable, __file__, *sys.argv[1:], "--measure", side, str(top_p)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
            if done.returncode or not found:
                print(f"{side} at top_p {top_p} failed; its last words are above", file=sys.stderr)
                continue
            rows.append(json.loads(found[0].removeprefix("RESULT ")))
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table["tokens/s"] = table["tokens"] / table["seconds"]
    table["tokens/cpu s"] = table["tokens"] / table["cpu"]
    mine = table[table["side"] == "ours"].set_index("top_p")
    for rate in ("tokens/s", "tokens/cpu s"):
        table[f"ours by {rate}"] = table["top_p"].map(mine[rate]) / table[rate] if len(mine) else float("nan")
    print(f"{os.cpu_count()} processors, {options.attempts} attempts at {options.problems} problems, {options.model}")
    print(table.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
