"""Sampling with transformers: any causal LM in Hugging Face format, on CPU or one GPU.

Compared with calling ``generate`` on batches, this loop (a) draws a chunk's noise from the chunk's own seed, so that
what a chunk says does not hang on its neighbours, (b) runs each prompt once for all its attempts in a batch, and where
it knows the architecture keeps and reads it once, (c) writes new keys and values in place instead of copying the cache
at every token, (d) drops finished rows, and (e) looks at the whole vocabulary once per token, without sorting it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from threading import Event
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.models.chat import prompt_ids
from mathb_kit.models.model import Model
from mathb_kit.models.weights import load_checkpoint as load_checkpoint
from mathb_kit.sampling.batches import Batch, count_rows, halves, take_rows, whole
from mathb_kit.sampling.engine import Chunk, Completion, TokenCount
from mathb_kit.sampling.threads import MOST_THREADS, in_threads

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mathb_kit.sampling.generation import Rows, Setup, StopStrings
    from mathb_kit.sampling.weights import Weights

# Before torch is loaded: by default its threads wait for each other by spinning, and one busy neighbour on the machine
# then slows a tiny model many times over; waiting passively costs little on an idle machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Attempts per batch, if they fit into memory and unless the caller says otherwise.
_BATCH = 512
_CPU_BATCH = 256  # more gain little there, and a miniature's cache stays near the processor
_LEAST_BATCH = 32  # below this two batches side by side are no faster than one


class _Deterministic:
    """torch's deterministic algorithms, a switch of the whole process: on while any strict engine is open."""

    def __init__(self) -> None:
        self._engines, self._before = 0, 0

    def begin(self) -> None:
        import torch

        if not self._engines:
            self._before = torch.get_deterministic_debug_mode()
        self._engines += 1
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True)

    def end(self) -> None:
        import torch

        self._engines -= 1
        if not self._engines:
            torch.set_deterministic_debug_mode(self._before)


_DETERMINISTIC = _Deterministic()


class TransformersEngine(TokenCount):
    """Samples chunks in batches of about ``batch_rows`` attempts.

    Llama, Qwen2 and Qwen3 are decoded by `SharedPrefixDecoding`, on the CPU batches side by side in threads
    (``OMP_NUM_THREADS``); anything else by the network's own forward, batch after batch. A batch for which memory runs
    out is decoded again in halves.

    Args:
        model: what to load and how to sample from it.
        batch_rows: attempts per batch; by default 512, on the CPU 256, as far as they fit into memory.
        device: ``cpu``, ``cuda``, ...; a GPU if there is one unless said otherwise.
        loaded: (network, tokenizer) already in memory, e.g. a policy in training; else both are loaded.
        strict: every chunk is a batch of its own under torch's deterministic algorithms, which stay on in this process
            until the engine is closed: what a chunk says hangs on nothing but the chunk, on the same machine with the
            same packages and number of threads.
    """

    def __init__(
        self,
        model: Model,
        batch_rows: int | None = None,
        device: str | None = None,
        loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase] | None = None,
        strict: bool = False,
    ) -> None:
        import torch

        super().__init__()
        self.strict = strict
        if strict:
            batch_rows = 1  # no neighbour changes the order of a sum
            _DETERMINISTIC.begin()
            self._end_strict = weakref.finalize(self, _DETERMINISTIC.end)
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.ones(1, device=self.device).item()  # "meta" has tensors, and nothing in them
        except (RuntimeError, AssertionError, ImportError, NotImplementedError) as error:
            raise MathbError(f"torch has no device {self.device!r} here ({str(error).splitlines()[0]}).") from error
        self.model = model
        self.batch_rows = batch_rows
        self.network, self.tokenizer = loaded or load_checkpoint(model)
        self.network.to(self.device).eval()
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        ends = self.network.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self._ends = sorted({end for end in (*ends, self.tokenizer.eos_token_id) if end is not None})
        self._most_rows: float = float("inf")  # less once memory has run out

    def describe(self) -> dict[str, Any]:
        import torch
        import transformers

        return {
            "engine": "transformers",
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if self.device.startswith("cuda") else self.device,
            "dtype": self.model.dtype,
            **({"strict": True} if self.strict else {}),
        }

    def close(self) -> None:
        """Give torch its own algorithms back, if this engine was strict."""
        if self.strict:
            self._end_strict()

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        """See `Engine.sample`."""
        for chunk, rows, reasons in self.sample_tokens(chunks):
            texts = self.tokenizer.batch_decode([row[:-1] if row[-1] in self._ends else row for row in rows])
            yield chunk, [
                Completion(self.model.sampling.cut(text), len(row), reason)
                for text, row, reason in zip(texts, rows, reasons)
            ]

    def sample_tokens(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[list[int]], list[str]]]:
        """Like `sample`, as token ids with the end token; similar prompt lengths are batched together."""
        import torch

        from mathb_kit.sampling.generation import Setup
        from mathb_kit.sampling.weights import FusedLlama, NetworkLayers, is_small_llama, shares_prefixes

        # Made anew at every call: a policy in training has other weights by then.
        weights: Weights | None = None
        if small := is_small_llama(self.network):
            weights = FusedLlama(self.network)
        elif shares_prefixes(self.network):
            weights = NetworkLayers(self.network)
        # Side by side, threads never wait for each other at every operation, as they do within one.
        workers = min(torch.get_num_threads(), MOST_THREADS) if weights and self.device == "cpu" else 1
        batches = self._batches(chunks, workers, shared=weights is not None, small=small)
        setup = Setup(
            self.network, weights, self.model.sampling, self._ends, self._stops, self.tokenizer.pad_token_id
        )
        decode = partial(self._decode, setup)
        done: Rows = [], []  # of a chunk whose other rows are in the next batch
        for batch, rows in in_threads(decode, batches, None if small else workers, self.tell_tokens):
            self.tell_tokens()
            first = 0
            for piece in batch:
                last = first + piece.rows
                done = done[0] + rows[0][first:last], done[1] + rows[1][first:last]
                first = last
                if len(done[0]) == piece.chunk.size:
                    yield piece.chunk, *done
                    done = [], []

    def _batches(self, chunks: Iterable[Chunk], workers: int, shared: bool, small: bool) -> Iterator[Batch]:
        """Chunks of the same or of similarly long prompts side by side; batches hang on the chunks alone."""
        most = self.batch_rows or (_CPU_BATCH if small or self.device == "cpu" else _BATCH)
        pieces = (whole(chunk, self.encode(chunk.prompt)) for chunk in chunks)
        while window := take_rows(pieces, 8 * most):
            window.sort(key=lambda piece: (len(piece.prompt), piece.prompt))
            rows = most if small or self.batch_rows else self._fitting_rows(window, most, workers, shared)
            waiting = iter(window)
            while batch := take_rows(waiting, rows):
                yield batch

    def _fitting_rows(self, window: Batch, most: int, workers: int, shared: bool) -> int:
        """Rows per batch such that they fit into memory and no worker is left without one at the end."""
        from mathb_kit.sampling.batches import rows_that_fit

        places = self.model.sampling.max_tokens + (0 if shared else len(window[-1].prompt))
        # The network's own forward copies all keys and values when rows are dropped, a shared prefix one layer's.
        self._most_rows = min(most, rows_that_fit(self.network, places, workers, copies=1 if shared else 2))
        total = count_rows(window)
        batches = -(-total // (self._most_rows * workers)) * workers
        return min(self._most_rows, max(_LEAST_BATCH, -(-total // batches)))

    def encode(self, prompt: str) -> list[int]:
        """Token ids of a prompt, in a chat template if the model asks for it."""
        return prompt_ids(self.tokenizer, self.model, prompt)

    def _decode(self, setup: Setup, batch: Batch, abandoned: Event) -> Rows:
        """`generate`, in halves where memory does not suffice."""
        import torch

        from mathb_kit.sampling.batches import is_out_of_memory
        from mathb_kit.sampling.generation import generate

        rows = count_rows(batch)
        if rows <= self._most_rows:
            try:
                return generate(setup, batch, self.count_tokens, abandoned)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if rows == 1:
                    raise MathbError(
                        f"Not even one attempt of {self.model.name!r} fits into memory beside the weights; lower its "
                        f"token limit ({self.model.sampling.max_tokens:,}) or give it a smaller dtype."
                    ) from error
            # Past the except clause nothing holds on to the failed batch's tensors.
            self._most_rows = rows // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        first, second = (self._decode(setup, half, abandoned) for half in halves(batch))
        return first[0] + second[0], first[1] + second[1]

    @cached_property
    def _stops(self) -> StopStrings | None:
        from mathb_kit.sampling.generation import StopStrings

        stop = self.model.sampling.stop
        return StopStrings(self.tokenizer, stop) if stop else None


