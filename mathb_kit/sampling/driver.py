"""From (draw, problems, plan) to committed attempts: what the store has is skipped, the rest is sampled."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.provenance import provenance
from mathb_kit.sampling.engine import Chunk, Committed, CommittingEngine, Completion, Engine, chunk_seed
from mathb_kit.sampling.prompts import PromptEncoder
from mathb_kit.sampling.watch import Watch
from mathb_kit.store.draw import StoredDraw

# A kill loses at most what was finished since the last shard; many small shards would make reading slow.
_FLUSH_ATTEMPTS = 4096
_FLUSH_SECONDS = 5.0

_FINISH = ("stop", "length", "cut")


@dataclass(frozen=True)
class SampleReport:
    """What one call of `sample` did.

    Attributes:
        new_attempts: attempts sampled and committed.
        tokens: tokens sampled for them.
        seconds: wall-clock time, the engine's start included.
        skipped: attempts asked for that the store already had.
        truncated: of the new attempts, those that end at the token limit.
        cut: of the new attempts, those that the engine gave up on.
    """

    new_attempts: int
    tokens: int
    seconds: float
    skipped: int
    truncated: int = 0
    cut: int = 0


def sample(
    draw: StoredDraw,
    engine: Engine | CommittingEngine,
    problems: Sequence[Problem],
    plan: Plan | int,
    *,
    attempts: range | None = None,
    watch: Watch | None = None,
) -> SampleReport:
    """Bring every problem to these attempts in the store.

    An adaptive evaluation calls it once per round, with the problems that go on and the round's attempts. On
    Ctrl-C, an engine error or a failed check, the chunks finished by then are committed before the exception goes on
    (under Ray each worker may lose its last seconds).

    Args:
        draw: where the attempts belong.
        engine: what turns chunks into completions; not touched if nothing is missing.
        problems: the problems, sampled in this order; one listed twice is sampled once.
        plan: gives the chunk size; an int stands for that many attempts each.
        attempts: indices wanted, e.g. ``range(16, 64)`` (the end is rounded up to whole chunks); the plan's by default.
        watch: the bar of the evaluation that this call is a part of; one of its own by default.

    Raises:
        MathbError: bad range or draw, a damaged or full store, a draw that another engine began, or an engine that
            breaks its contract.
    """
    started = time.perf_counter()
    plan = _as_plan(plan)
    attempts = range(plan.n_max) if attempts is None else attempts
    chunks = missing_chunks(draw, problems, plan, attempts.start, attempts.stop)
    planned = plan.chunks(attempts.start, attempts.stop)
    asked = len({problem.key for problem in problems}) * sum(size for _, size in planned)
    new_attempts = sum(chunk.size for chunk in chunks)
    skipped = asked - new_attempts
    if watch:
        watch.found(skipped)
    if not chunks:
        return SampleReport(0, 0, time.perf_counter() - started, skipped)

    # Which plan asked stands in the shards that it wrote: the store itself holds attempts, whoever asked for them.
    record = partial(commit_chunks, engine, plan=str(plan))
    commit = engine.commit if isinstance(engine, CommittingEngine) else record
    new = Committed(0, 0, 0, 0)
    with nullcontext(watch) if watch else watch_over(draw, asked) as bar, bar.following(engine):
        if not watch:
            bar.found(skipped)
        bar.begin(engine)
        # Closed, not merely left: on Ctrl-C the generator would otherwise commit what it has only when it is collected.
        with closing(commit(chunks, draw)) as commits:
            for part in commits:
                bar.finished(part.attempts, part.tokens)
                new = Committed(*map(sum, zip(new, part)))
    seconds = time.perf_counter() - started
    return SampleReport(new_attempts, new.tokens, seconds, skipped, new.truncated, new.cut)


def watch_over(draw: StoredDraw, most: int) -> Watch:
    """A bar for a draw that may get this many attempts."""
    return Watch(draw.model.name if draw.name == "main" else f"{draw.model.name}, draw {draw.name}", most)


def commit_chunks(engine: Engine, chunks: Sequence[Chunk], draw: StoredDraw, **record: Any) -> Iterator[Committed]:
    """Sample chunks and commit them as shards; yield the counts of each chunk as it is handed over.

    Close the generator, if it is not run to its end, to commit what it has.

    Args:
        engine: what samples.
        chunks: what the store lacks.
        draw: where the attempts belong.
        record: more to record in every shard.
    """
    about = dict(engine.describe())
    prompts = PromptEncoder(draw.model)
    if template := about.pop("template", None):  # a server's own: what it puts around a statement is not known here
        record |= {"template": template}
    else:
        record |= {"template": prompts.template_hash, "prompt": prompts.frame}
    source = provenance(engine=about, run_seed=draw.run_seed, **record)
    _refuse_mixture(draw, about["engine"])
    draw.store.describe_model(draw.model_key, {**asdict(draw.model), "provenance": source})
    writer = _Writer(draw, source)
    try:
        with closing(_checked(engine, chunks)) as results:  # an error here must end the engine's threads, too
            for chunk, completions in results:
                writer.add(chunk, completions)
                yield Committed.of(completions)
    finally:
        writer.flush()


def missing_chunks(
    draw: StoredDraw, problems: Sequence[Problem], plan: Plan | int, low: int = 0, high: int | None = None
) -> list[Chunk]:
    """What `sample` would give its engine: the chunks that the store lacks. Same arguments, same errors."""
    plan = _as_plan(plan)
    high = plan.n_max if high is None else high
    if not 0 <= low <= high <= plan.n_max:
        raise MathbError(f"Attempts {low} to {high} are not within the plan's 0 to {plan.n_max}.")
    done = draw.done()
    chunks = []
    for problem in {p.key: p for p in problems}.values():
        prompt = draw.model.render(problem.statement)
        for planned_first, planned_size in plan.chunks(low, high):
            for first, size in _gaps(planned_first, planned_size, done.get(problem.key, ())):
                # Of the chunk's identity alone: whichever process, round or restart samples it, it has this seed.
                seed = chunk_seed(draw.run_seed, draw.model_key, problem.key, draw.name, first)
                chunks.append(Chunk(problem.key, prompt, first, size, seed))
    return chunks


def _as_plan(plan: Plan | int) -> Plan:
    return Plan.fixed(plan) if isinstance(plan, int) else plan


def _refuse_mixture(draw: StoredDraw, name: str) -> None:
    """A draw is of one engine, as its shards have it, unless the mixture is allowed."""
    others = [other for other in draw.engines() if other not in (name, None)]
    if others and not draw.mix_engines:
        raise MathbError(
            f"The draw {draw.name!r} of {draw.model.name} was begun with the engine {others[0]}, and this run uses "
            f"{name}; their rates may differ. Use the same engine or another draw, or allow the mixture (mix_engines) "
            "once two draws have shown that they agree."
        )


def _gaps(first: int, size: int, have: Collection[int]) -> Iterator[tuple[int, int]]:
    """(first index, size) of the runs of a chunk that are missing.

    Mostly the whole chunk or nothing. Under a plan with another chunk size a part may be there already: only the rest
    is sampled, and as no stored chunk starts inside it, seeds stay distinct.
    """
    missing = [index for index in range(first, first + size) if index not in have]
    for _, run in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]):
        indices = [index for _, index in run]
        yield indices[0], len(indices)


def _checked(engine: Engine, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
    """The engine's results, each held against the engine's contract before it is let through."""
    name = type(engine).__name__
    # A fault of an engine that shortens or doubles rows would look like a result in every table: none is let through.
    waiting = {(chunk.problem_key, chunk.first): chunk for chunk in chunks}
    for chunk, completions in engine.sample(iter(chunks)):
        what = f"attempts {chunk.first} to {chunk.first + chunk.size - 1} of {chunk.problem_key}"
        if waiting.pop((chunk.problem_key, chunk.first), None) != chunk:
            raise MathbError(f"{name} returned {what} twice or unasked; this is a fault of the engine.")
        if len(completions) != chunk.size:
            raise MathbError(
                f"{name} returned {len(completions)} completions for {what}, not {chunk.size}; attempts that fail "
                "must come back as 'cut', because dropping them would bias every rate."
            )
        if bad := [c.finish for c in completions if c.finish not in _FINISH]:
            raise MathbError(f"{name} ended one of {what} by {bad[0]!r}; it must be one of {', '.join(_FINISH)}.")
        yield chunk, completions
    if waiting:
        raise MathbError(
            f"{name} ended with {len(waiting)} of {len(chunks)} chunks missing; those it finished are kept, run again "
            "for the rest."
        )


class _Writer:
    """Gathers finished chunks and commits them as shards."""

    def __init__(self, draw: StoredDraw, record: dict[str, Any]) -> None:
        self.draw, self.record = draw, record
        self.rows: list[tuple[str, int, int, int, str, int, str]] = []
        self.last_flush = -math.inf  # the first chunk goes to disk at once: a run that is killed often gets on, too
        self.alone = False

    def add(self, chunk: Chunk, completions: Sequence[Completion]) -> None:
        # One extend a chunk: an interrupt between two appends must not leave half a chunk to be committed.
        self.rows.extend(
            [
                (chunk.problem_key, chunk.first + i, chunk.first, chunk.seed, c.text, c.tokens, c.finish)
                for i, c in enumerate(completions)
            ]
        )
        if len(self.rows) >= _FLUSH_ATTEMPTS or time.monotonic() - self.last_flush >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if not self.rows:
            return
        columns = ("problem", "index", "first", "seed", "text", "tokens", "finish")
        rows = dict(zip(columns, zip(*self.rows, strict=True), strict=True))
        self.draw.commit(rows, self.record)
        self.rows = []  # after the commit: a failed one keeps its rows for the last attempt on the way out
        self.last_flush = time.monotonic()
        if not self.alone:  # of two engines that both found the draw empty, the later to commit sees the other here
            _refuse_mixture(self.draw, self.record["engine"]["engine"])
            self.alone = True
