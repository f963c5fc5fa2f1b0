"""Tokens per second through the driver beside the same vLLM engine called raw, and success rates by engine.

    MATHB_VLLM_PYTHON=... python bench/vllm_driver.py [--model mini-base-1] [--attempts 128] [--rounds 5] [--eager]

Both sides use one engine in one process, in turns, on the same requests (token ids, n, seeds). "Raw" hands it all of
them and takes steps until they are finished, timed inside that process. "Driver" is `sample` into an empty store:
rendering prompts, feeding the child, reading it and committing shards are included, the start of vLLM is not. Beside
the wall clock, which other jobs on the machine disturb, stand the processor seconds of child and parent (vLLM runs in
one process here unless VLLM_ENABLE_V1_MULTIPROCESSING=1). Then the transformers engine samples the same chunks, and its
success rates are compared with vLLM's by an exact test (mathb_kit.statistics.homogeneity).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORKER = ROOT / "mathb_kit" / "sampling" / "vllm_worker.py"


def worker() -> None:
    """The child process: `vllm_worker` with one message more."""
    spec = importlib.util.spec_from_file_location("vllm_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Server(module.Server):
        def take(self, message: dict[str, Any]) -> None:
            if "raw" not in message:
                return super().take(message)
            from vllm import SamplingParams
            from vllm.sampling_params import RequestOutputKind

            started, tokens = time.perf_counter(), 0
            for number, (prompt, n, seed) in enumerate(message["raw"]):
                params = SamplingParams(
                    n=n, seed=seed, output_kind=RequestOutputKind.FINAL_ONLY, skip_special_tokens=False,
                    **self.settings["sampling"],
                )  # fmt: skip
                self.engine.add_request(f"raw {number}", {"type": "token", "prompt_token_ids": prompt}, params)
            while self.engine.has_unfinished_requests():
                for output in self.engine.step():
                    tokens += sum(len(completion.token_ids) for completion in output.outputs)
            self.parent.send({"raw": [tokens, time.perf_counter() - started]})

    module.Server = Server
    module.main()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="mini-base-1")
    parser.add_argument("--attempts", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--eager", action="store_true", help="No compilation: starts faster, samples slower.")
    arguments = parser.parse_args()

    import numpy as np
    import pandas as pd

    from mathb_kit.draw import Draw
    from mathb_kit.evaluation import evaluate
    from mathb_kit.models import get_model
    from mathb_kit.plan import Plan
    from mathb_kit.problems import load_problems
    from mathb_kit.sampling import get_engine, vllm_engine
    from mathb_kit.sampling.prompts import PromptEncoder
    from mathb_kit.statistics import homogeneity
    from mathb_kit.store import Store

    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GB; the default is most of the machine
    os.environ["MATHB_BENCH_WORKER"] = "1"
    vllm_engine._WORKER = Path(__file__)
    model, plan = get_model(arguments.model), Plan.fixed(arguments.attempts)
    problems = [*load_problems("mini-math"), *load_problems("mini-aime")]
    scratch = tempfile.TemporaryDirectory()
    engine = vllm_engine.VllmEngine(model, enforce_eager=arguments.eager)
    about, child = engine.describe(), engine._child
    chunks, prompts = Draw(Store(scratch.name), model).missing(problems, plan), PromptEncoder(model)
    requests = [[prompts.encode(chunk.prompt), chunk.size, chunk.seed] for chunk in chunks]

    def raw(_: int) -> tuple[int, float]:
        child.send({"raw": requests})
        return tuple(child.receive()["raw"])

    def driver(turn: int) -> tuple[int, float]:
        report = Draw(Store(Path(scratch.name) / str(turn)), model).sample(engine, problems, plan)
        return report.tokens, report.seconds

    rows = []
    for turn in range(-1, arguments.rounds):  # the first one warms up
        for side in (raw, driver) if turn % 2 else (driver, raw):
            processes = [child.process.pid] + ([os.getpid()] if side is driver else [])
            before = sum(map(processor_seconds, processes))
            tokens, seconds = side(turn)
            processor = sum(map(processor_seconds, processes)) - before
            rows.append((turn, side.__name__, tokens, seconds, tokens / seconds, tokens / processor))
    columns = ["round", "side", "tokens", "seconds", "tokens/s", "tokens per processor s"]
    table = pd.DataFrame(rows, columns=columns).query("round >= 0")
    print(f"vLLM {about['vllm']}, {about['device']}, {os.cpu_count()} cores, {len(chunks):,} requests of {plan.chunk}")
    print(table.round({"seconds": 2, **dict.fromkeys(columns[4:], 0)}).to_string(index=False))
    for column in columns[4:]:
        rates = table.pivot(index="round", columns="side", values=column)
        ratios = rates["driver"] / rates["raw"]
        print(f"driver / raw, {column}: median {ratios.median():.3f}, from {ratios.min():.3f} to {ratios.max():.3f}")

    counts = {}
    for name, other in (("vllm", engine), ("transformers", get_engine(model))):
        result = evaluate(model, problems, plan, store=Store(Path(scratch.name) / name), engine=other)
        counts[name] = result.outcomes.sort_values("problem")["c"].to_numpy()
        print(f"{name}: {counts[name].sum():,} of {arguments.attempts * len(problems):,} attempts correct")
    agreement = homogeneity(np.array(list(counts.values())), arguments.attempts)
    print(f"one success rate per problem in both engines: p = {agreement.p:.3g}")
    engine.close()
    scratch.cleanup()


if __name__ == "__main__":
    worker() if os.environ.get("MATHB_BENCH_WORKER") else main()
