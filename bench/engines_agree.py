"""Do all engines sample one model? Success rates by engine under an exact test, and prompts token by token.

    MATHB_VLLM_PYTHON=... python bench/engines_agree.py MODEL [MODEL ...] [--attempts 32] [--engines NAME ...]

Each engine gives every problem of `PROBLEMS` the same number of attempts, as the checkpoint's own files say (and of at
most ``--max-tokens``): ours on transformers, vLLM in its child process, a `vllm serve` that is started here and asked
by the server engine, and llama.cpp's server where MODEL is a ``.gguf`` file and ``MATHB_LLAMA_PYTHON`` names an
interpreter with ``llama-cpp-python[server]``. Attempts are kept in the common store, a draw per engine, so that a run
which was stopped goes on where it was. Then: the counts, the test (`mathb_kit.statistics.homogeneity`) with the
difference that it would have seen, and for every engine whether the token ids of all prompts are those of the
tokenizer's own ``apply_chat_template``.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mathb_kit as mb
from mathb_kit.endpoint import Endpoint
from mathb_kit.models import Model
from mathb_kit.models.asking import asked
from mathb_kit.models.chat import chat_turns, prompt_ids
from mathb_kit.models.weights import checkpoint_place, load_tokenizer
from mathb_kit.problems import Problem
from mathb_kit.sampling import get_engine
from mathb_kit.statistics import homogeneity

# Easy enough for 135 million parameters to be right now and then, and not all too easy for 500 million.
STATEMENTS = {
    "What is 2 + 2?": "4",
    "What is 5 + 5?": "10",
    "What is 10 - 3?": "7",
    "What is 3 times 3?": "9",
    "What is 7 + 8?": "15",
    "What is 6 times 7?": "42",
    "What is 17 times 6?": "102",
    "What is 13 times 17?": "221",
}
PROBLEMS = [Problem("sums", str(i), statement, gold) for i, (statement, gold) in enumerate(STATEMENTS.items())]
VLLM = {"enforce_eager": True, "max_model_len": 512, "gpu_memory_utilization": 0.25}
_SERVE = "vllm.entrypoints.openai.api_server"  # what `vllm serve` runs


@contextmanager
def started(command: list[str], port: int, log: Path) -> Iterator[str]:
    """The address of a server once it answers."""
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", **os.environ}
    with log.open("wb") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True, env=environment)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        while True:
            if server.poll() is not None:
                raise mb.MathbError(f"{' '.join(command[:3])} ended; its last words: {log.read_text()[-800:]}")
            try:
                urllib.request.urlopen(f"{url}/models", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(1.0)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            pass
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # and all that it has started
        server.wait()


@contextmanager
def engine_of(name: str, model: Model) -> Iterator[Any]:
    """What samples, opened."""
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        log, place = Path(scratch) / "log", checkpoint_place(model)
        if name == "vllm-serve":
            words = [os.environ.get("MATHB_VLLM_PYTHON") or sys.executable, "-m", _SERVE, "--model", place]
            words += f"--dtype {model.dtype} --max-model-len 512 --enforce-eager --host 127.0.0.1 --port {port}".split()
            # Without chunked prefill: vLLM 0.32 on a CPU dies of a seeded prompt that two steps share.
            words += ["--no-enable-chunked-prefill", "--gpu-memory-utilization", "0.25"]
        elif name == "llama.cpp":
            words = [os.environ["MATHB_LLAMA_PYTHON"], "-m", "llama_cpp.server", "--model", model.source]
            words += f"--host 127.0.0.1 --port {port} --n_ctx 1024 --n_threads 2".split()
        else:
            opened = get_engine(model, name, **(VLLM if name == "vllm" else {}))
            yield opened
            opened.close()
            return
        with started(words, port, log) as url:
            yield get_engine(model, "server", url=url, name=place if name == "vllm-serve" else model.source)


def prompts_alike(name: str, model: Model, engine: Any) -> str:
    """Whether the engine's prompts are the chat template's: "8 of 8, token for token", or how many tokens they have.

    The template's ids are those of transformers' own ``apply_chat_template`` on the checkpoint as it lies there.
    """
    from transformers import AutoTokenizer

    tokenizer, alike, counted = AutoTokenizer.from_pretrained(checkpoint_place(model)), 0, False
    for problem in PROBLEMS:
        prompt = model.render(problem.statement)
        turns = chat_turns(model, prompt)
        template = tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
        if name in ("transformers", "vllm"):  # both read what the prompt encoder makes
            ids = prompt_ids(load_tokenizer(model), model, prompt)
        else:
            client = Endpoint(engine.opened.endpoint.url)
            body = {"model": engine.opened.describe()["served_model"], "messages": turns, "max_tokens": 1, "seed": 1}
            reply = client.post("chat/completions", body | {"return_token_ids": True})
            ids = reply.get("prompt_token_ids")
            if ids is None:  # no server but vLLM's lists them
                ids, counted = template[: reply["usage"]["prompt_tokens"]], True
                ids += [-1] * (reply["usage"]["prompt_tokens"] - len(ids))
        alike += list(ids) == list(template)
    return f"{alike} of {len(PROBLEMS)}, {'by their number' if counted else 'token for token'}"


def compare(model: Model, names: list[str], attempts: int) -> None:
    rows, prompts = {}, {}
    for name in names:
        began = time.monotonic()
        draw = mb.Draw(mb.Store(), model, f"agree-{name}")
        with engine_of(name, model) as engine:
            result = mb.evaluate(model, PROBLEMS, mb.Plan.fixed(attempts), draw=draw.name, engine=engine)
            prompts[name] = prompts_alike(name, model, engine)
        rows[name] = result.outcomes.set_index("problem").loc[[problem.key for problem in PROBLEMS], "c"].to_numpy()
        ends = result.outcomes[["truncated", "no_answer", "tokens"]].sum()
        print(
            f"{model.name} by {name}: {rows[name].tolist()} of {attempts} each, {ends['truncated']:,} truncated, "
            f"{ends['no_answer']:,} without an answer, {ends['tokens']:,} tokens; prompts {prompts[name]}; "
            f"{time.monotonic() - began:,.0f} s",
            flush=True,
        )
    agreement = homogeneity(np.array(list(rows.values())), attempts) if len(rows) > 1 else None
    table = pd.DataFrame({"engine": list(rows), "successes": [" ".join(map(str, row)) for row in rows.values()]})
    table["mean rate"] = [f"{row.mean() / attempts:.1%}" for row in rows.values()]
    table["prompts as the template"] = list(prompts.values())
    print(f"\n{model.name}, {len(PROBLEMS)} problems, {attempts} attempts each; {model.sampling}")
    print(table.to_string(index=False))
    if agreement:
        print(
            f"one success rate per problem in all engines: p = {agreement.p:.3g}; a difference of "
            f"{100 * agreement.detectable:.1f} points between two would have been seen four times in five\n",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a checkpoint folder or .gguf file with a template")
    parser.add_argument("--attempts", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--engines", nargs="+", default=["transformers", "vllm", "vllm-serve"])
    options = parser.parse_args()
    for path in options.models:
        compare(asked(mb.get_model(path), max_tokens=options.max_tokens), options.engines, options.attempts)


if __name__ == "__main__":
    main()
