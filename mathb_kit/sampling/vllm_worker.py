"""The child process of `VllmEngine`: vLLM's engine behind JSON lines on the standard streams.

It needs vLLM and the standard library, not mathb_kit: vLLM may live in an environment of its own.

In:  one line of settings; then ``{"id", "prompt", "n", "seed"}`` per chunk, the prompt as token ids, or
     ``{"abort": [id, ...]}``. The end of the input ends the process, so that none outlives its parent.
Out: ``{"ready": {...}}``; then ``{"id", "completions": [[text, tokens, finish], ...]}`` as chunks finish, in any order,
     or ``{"id", "error"}`` for a chunk vLLM refuses; ``{"error"}`` if it cannot start. All else goes to stderr.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

_FINISH = ("stop", "length")  # what vLLM aborted is neither
_PATIENCE = 10.0  # seconds for an orderly end


def start(settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """vLLM's engine and what to record about it."""
    import vllm  # first: where it is missing, nobody waits for the others
    from vllm.platforms import current_platform

    if settings["strict"]:
        if current_platform.is_cpu() or not current_platform.has_device_capability(90):
            raise RuntimeError(
                "strict needs batch-invariant kernels, which vLLM has for NVIDIA GPUs of compute capability 9.0 and "
                f"higher, not for {current_platform.get_device_name()}; leave strict out, or use transformers"
            )
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ["VLLM_BATCH_INVARIANT"] = "1"

    import torch
    import transformers
    from vllm.engine.arg_utils import EngineArgs
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.llm_engine import LLMEngine

    args = {"disable_log_stats": True, **settings["engine_args"]}
    if "max_model_len" not in args:
        # A model's whole context (131,072 tokens and more) would ask for a cache that no attempt fills.
        longest = EngineArgs(**args).create_model_config().max_model_len
        args = {**args, "max_model_len": min(longest, settings["room"])}
    if current_platform.is_cpu():
        # vLLM 0.32 dies of a seeded prompt that two steps share on a CPU ("CPU Generator does not use offset").
        args = {"enable_chunked_prefill": False, **args}
    engine = LLMEngine.from_engine_args(EngineArgs(**args), usage_context=UsageContext.LLM_CLASS)
    config = engine.vllm_config
    about = {
        "vllm": vllm.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": current_platform.get_device_name(),
        "dtype": str(config.model_config.dtype).removeprefix("torch."),
        "quantization": config.model_config.quantization,
        "tensor_parallel": config.parallel_config.tensor_parallel_size,
        "max_model_len": config.model_config.max_model_len,
        "max_num_seqs": config.scheduler_config.max_num_seqs,
        "adapter": settings["adapter"] is not None,
        "prefix_caching": config.cache_config.enable_prefix_caching,
    }
    return engine, about


class Lines:
    """JSON lines from the parent and back, without waiting and without threads.

    A thread that reads or writes would take the interpreter's lock from vLLM's own Python at every line; a write that
    waits for a parent busy with its disk would stop the engine.
    """

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink = source, sink
        self._unread, self._unsent = b"", bytearray()
        os.set_blocking(source, False)
        os.set_blocking(sink, False)

    def receive(self, wait: bool) -> Iterator[dict[str, Any]]:
        """The messages that are here; with ``wait`` at least one. EOFError at the end of the input."""
        while True:
            self._write()
            unsent = [self.sink] if wait and self._unsent else []
            if select.select([self.source], unsent, [], None if wait else 0)[0]:
                part = os.read(self.source, 1 << 20)
                if not part:
                    raise EOFError
                *lines, self._unread = (self._unread + part).split(b"\n")
                yield from map(json.loads, lines)
                wait = wait and not lines
            elif not wait:
                return

    def send(self, reply: dict[str, Any]) -> None:
        self._unsent += json.dumps(reply).encode() + b"\n"
        self._write()

    def finish(self) -> None:
        """Wait until everything is sent."""
        while self._unsent:
            select.select([], [self.sink], [])
            self._write()

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self.sink, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()  # the parent is gone: the end of the input says so too


class Server:
    """Keeps every chunk it is given in flight until it is finished."""

    def __init__(self, engine: Any, settings: dict[str, Any], parent: Lines) -> None:
        self.engine, self.settings, self.parent = engine, settings, parent
        self.copies: dict[str, int] = {}
        self.adapter = None
        if settings["adapter"]:
            from vllm.lora.request import LoRARequest

            self.adapter = LoRARequest("adapter", 1, settings["adapter"])

    def serve(self) -> None:
        """Add what has come in, take one step, send what is finished; until the input ends."""
        while True:
            try:
                for message in self.parent.receive(wait=not self.engine.has_unfinished_requests()):
                    self.take(message)
            except EOFError:
                return
            if self.engine.has_unfinished_requests():
                for output in self.engine.step():
                    if output.finished:
                        self.send(output)

    def take(self, message: dict[str, Any]) -> None:
        from vllm import SamplingParams
        from vllm.exceptions import VLLMError
        from vllm.sampling_params import RequestOutputKind

        if "abort" in message:
            numbers = [str(number) for number in message["abort"]]
            self.engine.abort_request(numbers)
            for number in numbers:
                self.copies.pop(number, None)
            return
        # vLLM refuses several greedy completions of one prompt; they would all be the same.
        copies = message["n"] if self.settings["sampling"]["temperature"] == 0 else 1
        try:
            params = SamplingParams(
                n=message["n"] // copies,
                seed=message["seed"],
                output_kind=RequestOutputKind.FINAL_ONLY,
                skip_special_tokens=False,  # marks of thinking may be special tokens; the end token is left out anyway
                stop_token_ids=self.settings["ends"],  # beside those that vLLM finds itself
                **self.settings["sampling"],
            )
            prompt = {"type": "token", "prompt_token_ids": message["prompt"]}
            self.engine.add_request(str(message["id"]), prompt, params, lora_request=self.adapter)
        except (ValueError, VLLMError) as error:  # a prompt longer than the context, a setting out of range
            self.parent.send({"id": message["id"], "error": str(error)})
        else:
            self.copies[str(message["id"])] = copies

    def send(self, output: Any) -> None:
        completions = [
            [c.text, len(c.token_ids), c.finish_reason if c.finish_reason in _FINISH else "cut"]
            for c in sorted(output.outputs, key=lambda c: c.index)
        ]
        copies = self.copies.pop(output.request_id)
        self.parent.send({"id": int(output.request_id), "completions": completions * copies})


def main() -> None:
    parent = Lines(0, os.dup(1))
    os.dup2(2, 1)  # vLLM and its children print where they like; only replies go to the parent
    engines: list[Any] = []
    threading.Thread(target=watch, args=(parent, os.getppid(), engines), daemon=True).start()
    status = 1
    try:
        settings = next(parent.receive(wait=True))
        engine, about = start(settings)
        engines.append(engine)
        parent.send({"ready": about})
        Server(engine, settings, parent).serve()
        engine.engine_core.shutdown()  # ends vLLM's own children
        status = 0
    except EOFError:
        pass  # the parent is gone before it said anything
    except Exception as error:
        traceback.print_exc()
        parent.send({"error": f"{type(error).__name__}: {error}"})
    parent.finish()
    sys.stderr.flush()
    os._exit(status)  # vLLM's threads may not end by themselves


def watch(parent: Lines, parent_id: int, engines: list[Any]) -> None:
    """End this process and its children if the main thread waits for what never comes.

    It may be loading weights for a parent that is gone. And vLLM 0.32 notes the death of its engine process, but a step
    that waits for it waits for ever.
    """
    while os.getppid() == parent_id and not any(_is_dead(engine) for engine in engines):
        time.sleep(1.0)
    time.sleep(_PATIENCE)  # for the main thread to find out by itself
    parent.send({"error": "vLLM's engine process died"})
    parent.finish()
    if os.getpgid(0) == os.getpid():  # the parent made us a group of our own
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _is_dead(engine: Any) -> bool:
    return getattr(getattr(engine.engine_core, "resources", None), "engine_dead", False)


if __name__ == "__main__":  # vLLM starts children that import this file again
    main()
