"""What a run would ask for, before anything is sampled or paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling.driver import missing_chunks
from mathb_kit.sampling.engine import CommittingEngine, Engine
from mathb_kit.sampling.engines import LazyEngine
from mathb_kit.sampling.server_engine import Estimate, ServerEngine
from mathb_kit.store.draw import StoredDraw


@dataclass(frozen=True)
class DryRun:
    """What `sample` would ask its engine for.

    Attributes:
        attempts: attempts that the store lacks; under an adaptive plan the most that it can ask for.
        tokens_each: tokens assumed per attempt.
        basis: where that number is from.
        estimate: requests and cost, where a server's prices were given.
    """

    attempts: int
    tokens_each: float
    basis: str
    estimate: Estimate | None = None

    @property
    def tokens(self) -> int:
        return round(self.attempts * self.tokens_each)

    def __str__(self) -> str:
        total = f"{self.attempts:,} attempts, {self.tokens:,} tokens at {self.tokens_each:,.0f} each ({self.basis})"
        if self.estimate is None:
            return total
        return (
            f"{total}; {self.estimate.requests:,} requests with {self.estimate.prompt_tokens:,} prompt tokens and "
            f"{self.estimate.completion_tokens:,} sampled ones, cost {self.estimate.cost:,.2f} "
            f"({self.estimate.cached:,} replies are kept already)"
        )


def dry_run(
    draw: StoredDraw,
    problems: Sequence[Problem],
    plan: Plan | int,
    *,
    engine: Engine | CommittingEngine | None = None,
    prices: tuple[float, float] | None = None,
) -> DryRun:
    """What `sample`, or an evaluation, would sample; no weights are loaded and no attempt is asked for.

    An attempt is assumed to be as long as the mean of those that the store has of this draw, else as long as the token
    limit lets it be.

    Args:
        draw, problems, plan: as for `sample`.
        engine: only asked where there are prices.
        prices: of a server, per million prompt tokens and per million sampled tokens.

    Raises:
        MathbError: prices without a server, or no server at its address.
    """
    chunks = missing_chunks(draw, problems, plan)
    tokens = draw.attempts(columns=["tokens"])["tokens"]
    limit = draw.model.sampling.max_tokens
    each, basis = (tokens.mean(), f"the mean of {len(tokens):,} stored") if len(tokens) else (limit, "the token limit")
    estimate = None
    if prices is not None:
        opened = engine.opened if isinstance(engine, LazyEngine) else engine
        if not isinstance(opened, ServerEngine):
            raise MathbError("Prices are a server's; leave them out, or choose the engine server.")
        estimate = opened.estimate(chunks, *prices, tokens_each=float(each))
    return DryRun(sum(chunk.size for chunk in chunks), float(each), basis, estimate)
