"""Sampling from any server that speaks OpenAI's completions API: vLLM, SGLang, llama.cpp, a hosted one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from mathb_kit.endpoint import Endpoint, GaveUp, UnreadableReply
from mathb_kit.errors import MathbError
from mathb_kit.models.chat import chat_options, chat_turns
from mathb_kit.models.model import Model
from mathb_kit.places import replies_root
from mathb_kit.sampling.engine import Chunk, Completion, TokenCount
from mathb_kit.sampling.oddities import Oddities
from mathb_kit.sampling.prompts import PromptEncoder
from mathb_kit.sampling.server_dialects import doubts, is_llama_cpp, seed_for, spoken_out
from mathb_kit.sampling.server_replies import read_completions

_FIRST_SECONDS = 60.0  # for an answer of one token
_SLOWEST = 10.0  # tokens per second of the slowest completion that is waited for
_CHARACTERS_PER_TOKEN = 3.0  # a cautious guess for mathematics in English; used before anything is sampled


@dataclass(frozen=True)
class Estimate:
    """What chunks would cost.

    Attributes:
        requests: requests to send, the cache's left out.
        cached: requests that the reply cache answers.
        prompt_tokens: estimated at 3 characters a token; a request's prompt counts once for all its completions.
        completion_tokens: attempts to sample times the tokens assumed for each.
        cost: in the currency of the prices.
    """

    requests: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class ServerEngine(TokenCount):
    """Samples chunks through an `Endpoint`: one request a chunk, ``n`` completions each.

    Attempt ``first + i`` of a chunk has the seed ``chunk.seed + i`` with vLLM, and every retry keeps its seeds; when a
    server returns fewer completions than asked for, the rest is asked for with the seed of the first missing one;
    llama.cpp is asked for one at a time, with 31 bits of its seed. What other servers make of ``seed`` is theirs to
    say. All settings are said, so that no server's own defaults come in (`mathb_kit.sampling.server_dialects`).

    Before anything is sampled the server must answer a request for one token, in a minute and as it should. A request
    that fails for good is tried once more after another such answer; if that fails too, its attempts are recorded as
    ``cut``, but never before the run has got a completion. If the server does not answer, that is an outage, and a
    reply that cannot be read without a guess (see `mathb_kit.sampling.server_replies`) is a fault of the server:
    MathbError, nothing of the chunk is recorded, and the next run goes on from there.

    Plain prompts go to ``completions``, chats to ``chat/completions`` with the server's own template (or, if the
    model borrows one, to ``completions`` as token ids). Thinking that the server parsed away is put back in front of
    the answer. Tokens of an attempt are those that the server lists for it, else its share of the request's total by
    length of text (the sum is exact, the shares are estimates), else as the model's tokenizer counts them.

    Args:
        model: prompt and sampling settings; ``source`` is its name at the server where no ``name`` is given.
        url: address of the API, e.g. ``http://localhost:8000/v1``. A key is taken from ``MATHB_API_KEY``.
        name: the model's name at the server.
        concurrency: most requests under way at once.
        seconds: time limit of one try; by default a minute for an answer of one token, for others 10 minutes and the
            time that ``max_tokens`` take at 10 tokens/s.
        tries: how often a request is tried.
        extra: fields added to every request, e.g. ``{"service_tier": "flex"}``; they are not part of the model's key.

    Replies are kept under ``replies`` in the runs folder: what was paid for before a crash is not paid for again.

    Raises:
        MathbError: no such model at the server, an outage, or a request that the server refuses.
    """

    def __init__(
        self,
        model: Model,
        url: str,
        name: str | None = None,
        concurrency: int = 32,
        seconds: float | None = None,
        tries: int = 6,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self._first_seconds = seconds or _FIRST_SECONDS
        seconds = seconds or 600.0 + model.sampling.max_tokens / _SLOWEST
        self.endpoint = Endpoint(url, concurrency, seconds, tries, cache=replies_root())
        self.extra = dict(extra or {})
        self._asked_name = name
        self._prompts = PromptEncoder(model)
        self._lock = threading.RLock()
        self._is_well = self._has_answered = False  # for a request of one token; by a completion
        self._why_cut: str | None = None
        self._can_count = True

    def describe(self) -> dict[str, Any]:
        facts = {key: self._served[key] for key in ("owned_by", "version", "max_model_len") if key in self._served}
        served = {"url": self.endpoint.url, "served_model": self._served["id"], **facts}
        template = {"template": "the server's own"} if self._is_chat else {}
        return {"engine": "server", **served, "extra": self.extra, **template}

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        """See `Engine.sample`."""
        served = self._served  # asked once, before there are threads
        for doubt in doubts(served.get("owned_by"), self.model.sampling):
            print(f"{self.endpoint.url}: {doubt}.", file=sys.stderr, flush=True)
        oddities = Oddities(self.endpoint.url, random=self.model.sampling.temperature > 0)
        held: list[tuple[Chunk, list[Completion]]] = []
        try:
            for chunk, completions in self.endpoint.map(self._attempts, chunks, self.tell_tokens):
                self.tell_tokens()
                oddities.add(chunk, completions)
                self._has_answered |= any(completion.finish != "cut" for completion in completions)
                held.append((chunk, completions))
                if self._has_answered:
                    yield from held
                    held.clear()
        except BaseException:
            oddities.tell(self._why_cut)
            raise
        if held:
            raise MathbError(
                f"The server at {self.endpoint.url} answers a request for one token and not one of this run "
                f"({self._why_cut or 'it filters or aborts all of them'}); nothing is recorded. Change the model's "
                "settings or leave these problems out."
            )
        oddities.tell(self._why_cut)

    def estimate(
        self, chunks: Iterable[Chunk], input_price: float, output_price: float, tokens_each: float | None = None
    ) -> Estimate:
        """A dry run: what these chunks would cost. Only the server's list of models is asked for.

        Args:
            chunks: e.g. from `mathb_kit.sampling.missing_chunks`.
            input_price: per million prompt tokens.
            output_price: per million sampled tokens.
            tokens_each: tokens assumed per attempt; the token limit by default, which gives an upper bound.
        """
        tokens_each = self.model.sampling.max_tokens if tokens_each is None else tokens_each
        requests = cached = attempts = characters = 0
        for chunk in chunks:
            if self.endpoint.is_cached(self._path, self._body(chunk, 0)):
                cached += 1
                continue
            requests, attempts, characters = requests + 1, attempts + chunk.size, characters + len(chunk.prompt)
        prompt_tokens, completion_tokens = round(characters / _CHARACTERS_PER_TOKEN), round(attempts * tokens_each)
        cost = (prompt_tokens * input_price + completion_tokens * output_price) / 1e6
        return Estimate(requests, cached, prompt_tokens, completion_tokens, cost)

    @cached_property
    def _served(self) -> dict[str, Any]:
        """The server's own description of the model, with vLLM's version where it tells one."""
        try:
            listed = self.endpoint.get("models", self._first_seconds)
        except GaveUp as error:
            raise MathbError(
                f"No server answers at {self.endpoint.url} ({error}); start it or correct the address."
            ) from None
        entries = listed.get("data") if isinstance(listed, dict) else None
        names = {entry["id"]: entry for entry in entries or [] if isinstance(entry, dict) and "id" in entry}
        name = self._asked_name or self.model.source
        if name not in names and self.model.is_local:
            name = next((n for n in names if Path(n).is_dir() and Path(n).samefile(self.model.source)), name)
        if name not in names:
            raise MathbError(
                f"The server at {self.endpoint.url} has no model {name!r}; it has {', '.join(names) or 'none'}. Say by "
                "name=... which of them is meant."
            )
        entry = names[name]
        if entry.get("owned_by") == "vllm":
            try:
                entry |= self.endpoint.get("/version", self._first_seconds)
            except (GaveUp, MathbError):
                pass  # behind a proxy the root is another server's; the version is for the record only
        return entry

    @property
    def _is_chat(self) -> bool:
        return self.model.prompt == "chat" and self.model.template is None

    @property
    def _path(self) -> str:
        return "chat/completions" if self._is_chat else "completions"

    def _body(self, chunk: Chunk, have: int) -> dict[str, Any]:
        """The request for the attempts of a chunk from the ``have``-th on."""
        settings, owner = self.model.sampling, self._served.get("owned_by")
        # Servers refuse several greedy completions of one prompt; they would all be the same.
        n = 1 if settings.temperature == 0 or is_llama_cpp(owner) else chunk.size - have
        body = {
            "model": self._served["id"],
            "n": n,
            "seed": seed_for(owner, chunk.seed + have),
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
        }
        if self._is_chat:
            body["messages"] = chat_turns(self.model, chunk.prompt)
            if options := chat_options(self.model):
                body["chat_template_kwargs"] = options
        else:
            body["prompt"] = self._prompts.encode(chunk.prompt) if self.model.prompt == "chat" else chunk.prompt
        if settings.stop:
            body["stop"] = list(settings.stop)
        return body | spoken_out(owner, self.model) | self.extra

    def _attempts(self, chunk: Chunk) -> list[Completion]:
        """All attempts of a chunk; those that could not be had are cut."""
        have: list[Completion] = []
        copies = chunk.size if self.model.sampling.temperature == 0 else 1
        try:
            while len(have) < chunk.size and (got := self._ask(self._body(chunk, len(have)))):
                have += got * copies
                self.count_tokens(copies * sum(completion.tokens for completion in got))
        except MathbError as error:
            raise MathbError(f"{chunk.problem_key}: {error}") from error
        return have + [Completion("", 0, "cut")] * (chunk.size - len(have))

    def _ask(self, body: dict[str, Any]) -> list[Completion] | None:
        """What one request brings, at most ``n`` completions; None if it fails for good while the server is well."""
        if not self._is_well and not self.endpoint.is_cached(self._path, body):
            with self._lock:
                if not self._is_well:
                    self._check_health(body)
                    self._is_well = True
        read = partial(read_completions, asked=body["n"], settings=self.model.sampling, count=self._count)
        for tries in (None, 1):
            try:
                return self.endpoint.post(self._path, body, read, tries, keep=_none_is_cut)
            except UnreadableReply as failure:
                raise self._unreadable(failure) from None
            except GaveUp as failure:
                if tries is None:
                    self._check_health(body, failure)
                self._why_cut = str(failure)
        return None

    def _check_health(self, body: dict[str, Any], failure: GaveUp | None = None) -> None:
        """Ask for one token of something else: if that cannot be had either, the request is not at fault."""
        prompt = {"messages": [{"role": "user", "content": "1"}]} if self._is_chat else {"prompt": "1"}
        small = body | prompt | {"n": 1, "max_tokens": 1}
        settings = replace(self.model.sampling, max_tokens=1)
        read = partial(read_completions, asked=1, settings=settings, count=self._count)
        try:
            self.endpoint.post(self._path, small, read, keep=False, within=self._first_seconds)
        except UnreadableReply as fault:
            raise self._unreadable(fault) from None
        except GaveUp as fault:
            if failure is None:
                raise MathbError(
                    f"The server at {self.endpoint.url} does not answer a request for one token ({fault}); look into "
                    f"its log, or give it longer than {self._first_seconds:g} s by -E seconds=600."
                ) from None
            raise MathbError(
                f"The server at {self.endpoint.url} does not answer any more ({failure}); finished attempts are kept: "
                "run again when it is back."
            ) from None

    def _unreadable(self, failure: UnreadableReply) -> MathbError:
        return MathbError(
            f"the server at {self.endpoint.url} answers with {failure}; nothing of it is recorded, what was finished "
            "is kept. Mend the server's settings or ask another, then run again."
        )

    def _count(self, text: str) -> int | None:
        """Tokens of a text by the model's own tokenizer, None where it cannot be had."""
        with self._lock:
            if self._can_count:
                try:
                    return len(self._prompts.tokenizer(text, add_special_tokens=False)["input_ids"])
                except (MathbError, OSError, ValueError, ImportError):
                    self._can_count = False
        return None


def _none_is_cut(completions: list[Completion]) -> bool:
    """Whether a reply may be kept for ever: what was filtered or aborted today may be had tomorrow."""
    return all(completion.finish != "cut" for completion in completions)
