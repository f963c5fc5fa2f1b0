"""Sampling with vLLM, in a child process: a notebook kernel survives its death, and its end gives the memory back."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from mathb_kit.atomic import whole_file
from mathb_kit.children import Child, Died
from mathb_kit.errors import MathbError
from mathb_kit.models.facts import read_if_there
from mathb_kit.models.model import Model
from mathb_kit.models.weights import checkpoint_place
from mathb_kit.places import logs_root
from mathb_kit.sampling.engine import Chunk, Completion
from mathb_kit.sampling.prompts import PromptEncoder
from mathb_kit.sampling.vllm_causes import root_cause

# Chunks in flight hold up to this many times the sequences that vLLM runs at once: it never waits for the driver.
_AHEAD = 4
# Prompt tokens that the context holds beside the sampled ones, unless ``max_model_len`` says otherwise.
_PROMPT_ROOM = 2048
_END_SECONDS = 20.0
_WORKER = Path(__file__).with_name("vllm_worker.py")
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


class VllmEngine:
    """Samples chunks with vLLM, with as many in flight as it can run; a chunk comes back as soon as it is finished.

    Attempt ``first + i`` of a chunk is sampled with the seed ``chunk.seed + i``. vLLM's messages go to a log file under
    ``logs`` in the runs folder. The child process starts at the first use and ends with `close`, or with this object.

    Args:
        model: what to load and how to sample from it.
        tensor_parallel: number of GPUs that share the model.
        strict: one process and batch-invariant kernels: the same texts again on the same GPU type and vLLM version, at
            a price in speed; refused where vLLM has no such kernels. Without it a batch of another make-up may change
            a token now and then.
        engine_args: anything else that vLLM's ``EngineArgs`` takes, e.g. ``gpu_memory_utilization=0.8``. The context
            (``max_model_len``) is the model's own, or 2,048 prompt tokens and ``max_tokens`` if that is less.

    An adapter goes to vLLM as a LoRA request.

    vLLM may have an environment of its own: ``MATHB_VLLM_PYTHON`` names its interpreter; this one by default.

    Raises:
        MathbError: at the first use or later: no vLLM, a model it cannot load, a prompt it refuses, a child that died.
    """

    def __init__(self, model: Model, tensor_parallel: int = 1, strict: bool = False, **engine_args: Any) -> None:
        self.model = model
        self.strict = strict
        self._asked = engine_args
        self._engine_args = {
            "model": str(Path(model.source).resolve()) if model.is_local else model.source,
            "revision": model.revision,
            "tokenizer_revision": model.revision,
            "dtype": model.dtype,
            "quantization": model.quantization,
            "tensor_parallel_size": tensor_parallel,
            "enable_prefix_caching": True,  # every chunk of a problem repeats its prompt
            **_lora_args(model),
            **engine_args,
        }
        self._numbers = count()
        self._prompts = PromptEncoder(model)
        self._child: _VllmChild | None = None

    def describe(self) -> dict[str, Any]:
        return {"engine": "vllm", **self._running().about, "strict": self.strict, "engine_args": self._asked}

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        """See `Engine.sample`."""
        child, source = self._running(), iter(chunks)
        most = child.about["max_num_seqs"]
        waiting: dict[int, Chunk] = {}
        in_flight = 0
        try:
            while True:
                # In bursts: requests that trickle in between steps slow the steps.
                room = _AHEAD * most if in_flight <= (_AHEAD - 1) * most else 0
                while in_flight < room and (chunk := next(source, None)) is not None:
                    number = next(self._numbers)
                    waiting[number] = chunk
                    in_flight += chunk.size
                    prompt = self._prompts.encode(chunk.prompt)
                    child.send({"id": number, "prompt": prompt, "n": chunk.size, "seed": chunk.seed})
                if not waiting:
                    return
                reply = child.reply()
                chunk = waiting.pop(reply["id"], None)
                if chunk is None:  # finished just before an earlier call was abandoned
                    continue
                in_flight -= chunk.size
                if "error" in reply:
                    raise MathbError(
                        f"vLLM refuses {chunk.problem_key} for model {self.model.name!r} ({reply['error']}); leave the "
                        "problem out, or change the model's sampling settings or max_model_len."
                    )
                yield chunk, [Completion(*completion) for completion in reply["completions"]]
        finally:
            if waiting and child.alive:
                child.send({"abort": list(waiting)})

    def close(self) -> None:
        """End the child process and give its memory back; the next use starts another."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _running(self) -> _VllmChild:
        if self._child is None or not self._child.alive:
            self.close()
            sampling = asdict(self.model.sampling)
            unpacked = {"model": checkpoint_place(self.model)} if self.model.is_gguf else {}
            settings = {
                "engine_args": self._engine_args | unpacked,
                "room": min(_PROMPT_ROOM + sampling["max_tokens"], self.model.context or sys.maxsize),
                "sampling": sampling,
                "ends": list(self.model.ends),
                "strict": self.strict,
                "adapter": str(Path(self.model.adapter).resolve()) if self.model.adapter else None,
            }
            child = _VllmChild(self.model.name, settings)
            try:
                _ = self._prompts.tokenizer  # loaded while vLLM starts
                child.wait_until_ready()
            except BaseException:
                child.end()
                raise
            self._child = child
        return self._child


class _VllmChild(Child):
    """One child process and its log."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.python = os.environ.get("MATHB_VLLM_PYTHON") or sys.executable
        self.log = logs_root() / f"vllm-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{time.time_ns()}.log"
        with whole_file(self.log, "free space there or move MATHB_RUNS."):
            pass
        # The script's own folder stays off the child's path: its modules are no top-level modules.
        environment = {"VLLM_NO_USAGE_STATS": "1", **os.environ, "PYTHONSAFEPATH": "1"}
        print(f"vLLM starts for {name}; its messages go to {self.log}", file=sys.stderr, flush=True)
        try:
            super().__init__([self.python, str(_WORKER)], environment, log=self.log, patience=_END_SECONDS)
        except OSError as error:
            raise MathbError(
                f"{self.python} cannot be run ({error.strerror}); MATHB_VLLM_PYTHON must name the interpreter of "
                "an environment that has vLLM."
            ) from error
        self.about: dict[str, Any] = {}
        self.send(settings)

    def wait_until_ready(self) -> None:
        self.about = self.reply()["ready"]

    def reply(self) -> dict[str, Any]:
        """The next reply; blocks. Any failure but that of one chunk ends the child and is raised."""
        try:
            reply = self.receive()
        except Died as death:
            reply = {"error": str(death)}
        if "error" not in reply or "id" in reply:
            return reply
        self.end()
        if "No module named 'vllm'" in reply["error"]:
            raise MathbError(
                f"vLLM is not installed for {self.python}; install mathb_kit[vllm] there, or set MATHB_VLLM_PYTHON to "
                "the interpreter of an environment that has it."
            )
        cause = root_cause(reply["error"], self.log.read_text(errors="replace"))
        raise MathbError(
            f"The vLLM process failed ({cause}); its messages are in {self.log}. Finished attempts are kept: run "
            "again for the rest."
        )


def _lora_args(model: Model) -> dict[str, Any]:
    """What vLLM must know beforehand of an adapter: that there is one, and its rank."""
    if not model.adapter:
        return {}
    settings = read_if_there(Path(model.adapter) / "adapter_config.json")
    if settings.get("peft_type") != "LORA":
        raise MathbError(
            f"{model.adapter} is an adapter of type {settings.get('peft_type')}, and vLLM applies LoRA only; use "
            "--engine transformers."
        )
    ranks = [settings.get("r", 8), *(settings.get("rank_pattern") or {}).values()]
    # vLLM has kernels for these ranks; a smaller one fits into the next.
    rank = next((size for size in _LORA_RANKS if size >= max(ranks)), max(ranks))
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": rank}
