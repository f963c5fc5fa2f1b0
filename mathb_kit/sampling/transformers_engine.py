"""Sampling with transformers: any causal LM in Hugging Face format, on CPU or one GPU.

Compared with calling ``generate`` on batches, this loop (a) draws a chunk's noise from the chunk's own seed, so that
what a chunk says does not hang on its neighbours, (b) runs each prompt once for all its attempts in a batch,
(c) writes new keys and values in place instead of copying the cache at every token, and (d) drops finished rows.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from mathb_kit.models.chat import prompt_ids
from mathb_kit.models.model import Model, Sampling
from mathb_kit.models.weights import load_checkpoint as load_checkpoint
from mathb_kit.sampling.engine import Chunk, Completion
from mathb_kit.sampling.threads import in_threads

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mathb_kit.sampling.shared_prefix import LlamaWeights

# Chunks with the token ids of their prompts.
Batch = list[tuple[Chunk, list[int]]]

# Before torch is loaded: by default its threads wait for each other by spinning, and one busy neighbour on the machine
# then slows a tiny model many times over; waiting passively costs little on an idle machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Uniform numbers are drawn for this many tokens at a time: long limits do not reserve memory for noise never used.
_NOISE_BLOCK = 64
# Rows are dropped when at least this share of the batch has finished: dropping copies the cache once.
_DROP_SHARE = 0.1
# Attempts per batch, unless the caller says otherwise.
_BATCH = 512
_SMALL_BATCH = 256  # keeps a miniature's cache near the processor


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


class TransformersEngine:
    """Samples chunks in batches of about ``batch_rows`` attempts.

    Small Llamas on the CPU, the miniature among them, are decoded by `SharedPrefixDecoding`, batches side by side in as
    many threads as torch may use (``OMP_NUM_THREADS``); anything else by the network's own forward, batch after batch.

    Args:
        model: what to load and how to sample from it.
        batch_rows: attempts per batch; by default 512, for small Llamas 256. A 7B model wants fewer.
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

        self.strict = strict
        if strict:
            batch_rows = 1  # no neighbour changes the order of a sum
            _DETERMINISTIC.begin()
            self._end_strict = weakref.finalize(self, _DETERMINISTIC.end)
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model
        self.batch_rows = batch_rows
        self.network, self.tokenizer = loaded or load_checkpoint(model)
        self.network.to(self.device).eval()
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        ends = self.network.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self._ends = sorted({end for end in (*ends, self.tokenizer.eos_token_id) if end is not None})

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
        from mathb_kit.sampling.shared_prefix import LlamaWeights, is_small_llama

        # Made anew at every call: a policy in training has other weights by then.
        weights = LlamaWeights(self.network) if is_small_llama(self.network) else None
        decode = partial(self._decode_rows, weights)
        batches = self._batches(chunks, self.batch_rows or (_SMALL_BATCH if weights else _BATCH))
        for batch, (rows, reasons) in in_threads(decode, batches) if weights else ((b, decode(b)) for b in batches):
            first = 0
            for chunk, _ in batch:
                last = first + chunk.size
                yield chunk, rows[first:last], reasons[first:last]
                first = last

    def _batches(self, chunks: Iterable[Chunk], batch_rows: int) -> Iterator[Batch]:
        """Chunks of the same or of similarly long prompts side by side; batches hang on the chunks alone."""
        items = ((chunk, self.encode(chunk.prompt)) for chunk in chunks)
        while window := _take_rows(items, 8 * batch_rows):
            waiting = iter(sorted(window, key=lambda item: (len(item[1]), item[1])))
            while batch := _take_rows(waiting, batch_rows):
                yield batch

    def encode(self, prompt: str) -> list[int]:
        """Token ids of a prompt, in a chat template if the model asks for it."""
        return prompt_ids(self.tokenizer, self.model, prompt)

    def _decode_rows(
        self, weights: LlamaWeights | None, batch: Batch, abandoned: Event | None = None
    ) -> tuple[list[list[int]], list[str]]:
        """Token ids (end token included) and the reason for ending, one per attempt in chunk order.

        Once ``abandoned`` is set it returns at the next token, with whatever there is.
        """
        import torch

        from mathb_kit.sampling.decoding import NetworkDecoding, read_prompts
        from mathb_kit.sampling.shared_prefix import SharedPrefixDecoding

        with torch.inference_mode():
            settings = self.model.sampling
            numbers: dict[tuple[int, ...], int] = {}
            chunk_prompts = [numbers.setdefault(tuple(prompt), len(numbers)) for _, prompt in batch]
            prefix = read_prompts(self.network, [list(prompt) for prompt in numbers], self.tokenizer.pad_token_id)
            prompt_of = torch.tensor(chunk_prompts, device=self.device).repeat_interleave(
                torch.tensor([chunk.size for chunk, _ in batch], device=self.device)
            )
            logits = prefix.logits[prompt_of]
            if weights is None:
                decoding = NetworkDecoding(self.network, prefix, prompt_of)
            else:
                decoding = SharedPrefixDecoding(weights, prefix, prompt_of)
            noise = _ChunkNoise([chunk for chunk, _ in batch], settings.max_tokens)
            total = len(prompt_of)
            tokens = np.zeros((total, settings.max_tokens), dtype=np.int32)
            lengths = np.full(total, settings.max_tokens)
            reasons = np.full(total, "length", dtype=object)
            alive = np.arange(total)
            for step in range(settings.max_tokens):
                uniform = torch.from_numpy(noise.at(step)[alive]).to(self.device)
                chosen = _choose(logits, uniform, settings)
                tokens[alive, step] = chosen.cpu().numpy()
                ended = np.isin(tokens[alive, step], self._ends)
                if settings.stop:
                    ended |= self._has_stop(tokens[alive, : step + 1], settings.stop)
                unfinished = lengths[alive] == settings.max_tokens
                newly = alive[ended & unfinished]
                lengths[newly], reasons[newly] = step + 1, "stop"
                over = lengths[alive] <= step + 1
                if over.all() or (abandoned and abandoned.is_set()):
                    break
                if over.mean() >= _DROP_SHARE:
                    keep = torch.from_numpy(np.flatnonzero(~over)).to(self.device)
                    decoding.keep(keep)
                    chosen, alive = chosen[keep], alive[~over]
                logits = decoding.step(chosen)
        return [row[:length].tolist() for row, length in zip(tokens, lengths)], reasons.tolist()

    def _has_stop(self, tokens: np.ndarray, stop: tuple[str, ...]) -> np.ndarray:
        """Whether each row's latest text holds a stop string; a token has at least one byte of it."""
        tail = self.tokenizer.batch_decode(tokens[:, -max(len(s.encode()) for s in stop) - 1 :])
        return np.array([any(s in text for s in stop) for text in tail])


class _ChunkNoise:
    """Uniform numbers of a batch: each chunk's from its own generator, so neighbours never matter."""

    def __init__(self, chunks: list[Chunk], max_tokens: int) -> None:
        self._generators = [np.random.Generator(np.random.Philox(chunk.seed)) for chunk in chunks]
        self._sizes = [chunk.size for chunk in chunks]
        self._width = min(_NOISE_BLOCK, max_tokens)
        self._block = np.empty((0, 0))

    def at(self, step: int) -> np.ndarray:
        """One number in [0, 1) per attempt, shape (rows,), for token ``step``; steps come in order."""
        if step % self._width == 0:
            self._block = np.concatenate(
                [g.random((self._width, size)) for g, size in zip(self._generators, self._sizes)], axis=1
            )
        return self._block[step % self._width]


def _choose(logits, uniform, settings: Sampling):
    """Inverse-CDF sampling: one token per row from the filtered, tempered distribution."""
    import torch

    if settings.temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits.float() / settings.temperature, -1)
    if settings.top_k or settings.top_p < 1 or settings.min_p > 0:
        probabilities = _filtered(probabilities, settings)
    cumulative = probabilities.cumsum(-1, dtype=torch.float64)
    # The last entry is the total, 1 up to rounding: scaling by it makes the last token reachable and none beyond.
    target = uniform[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).clamp(max=logits.shape[-1] - 1)[:, 0]


def _filtered(probabilities, settings: Sampling):
    import torch

    ordered, order = probabilities.sort(-1, descending=True)
    keep = torch.ones_like(ordered, dtype=torch.bool)
    if settings.top_k:
        keep[:, settings.top_k :] = False
    if settings.top_p < 1:
        keep &= ordered.cumsum(-1) - ordered < settings.top_p
    if settings.min_p > 0:
        keep &= ordered >= settings.min_p * ordered[:, :1]
    return torch.zeros_like(probabilities).scatter(-1, order, ordered * keep)


def _take_rows(items: Iterator[tuple[Chunk, list[int]]], rows: int) -> Batch:
    """Items until the sizes of their chunks reach ``rows`` (at least one, if any is left)."""
    taken, total = [], 0
    for chunk, prompt in items:
        taken.append((chunk, prompt))
        total += chunk.size
        if total >= rows:
            break
    return taken
