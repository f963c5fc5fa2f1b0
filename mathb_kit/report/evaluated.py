"""One evaluation for a terminal and for scripts: finding, curve, what became of the attempts, how it was asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mathb_kit.judging import Health, health_of
from mathb_kit.models.showing import asked_table
from mathb_kit.outcomes import answer_counts
from mathb_kit.plan import Plan
from mathb_kit.report.terminal import bullets, text_table, titled
from mathb_kit.sentences import health_sentence, health_warnings, intervals_of, percent_with_interval
from mathb_kit.statistics import neighbours, pass_at_k_curve

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.evaluation import Evaluation


@dataclass(frozen=True)
class Evaluated:
    """What is said of one evaluation.

    Attributes:
        evaluation: the evaluation.
        on: name of the set, with the part of it that was tried, e.g. ``gsm8k (40 of 1,319 problems)``.
    """

    evaluation: Evaluation
    on: str

    @cached_property
    def health(self) -> Health:
        return health_of(self.evaluation)

    @cached_property
    def curve(self) -> pd.DataFrame:
        """pass@k at powers of two below the plan's first round and at the ends of its rounds (``pass_at_k_curve``)."""
        rounds = self.evaluation.plan.rounds
        small = {2**power for power in range(rounds[0].bit_length())}
        return pass_at_k_curve(self.evaluation.outcomes, sorted({*small, *rounds}))

    @cached_property
    def neighbours(self) -> pd.DataFrame:
        """avg@N, maj@k, pass^k, ... of the first round, in which all problems have as many attempts (``neighbours``).

        N and k are the attempts of that round: what a plan asks later, it asks of the problems left open.
        """
        evaluation, first = self.evaluation, self.evaluation.plan.rounds[0]
        made = evaluation.verdicts[evaluation.verdicts["index"] < first]
        outcomes = evaluation.draw.outcomes(made, Plan.fixed(first))
        return neighbours(outcomes, answer_counts(made), first)

    @property
    def warnings(self) -> list[str]:
        """Sentences about what makes the numbers doubtful; mostly none."""
        return health_warnings(self.health)

    @property
    def headline(self) -> str:
        """``mini-base-1 on mini-aime: pass@1 12.0 % (8.1 to 16.9), pass@256 95.0 % (80.0 to 100.0)``."""
        ends = self.curve.iloc[[0, -1] if len(self.curve) > 1 else [0]]
        points = [
            f"pass@{row.k:,} {percent_with_interval(row.estimate, row.low, row.high)}" for row in ends.itertuples()
        ]
        return f"{self.evaluation.model.name} on {self.on}: {', '.join(points)}"

    def text(self) -> str:
        """For a terminal: headline, table, fine print."""
        curve = self.curve
        shares = [percent_with_interval(*ends) for ends in curve[["estimate", "low", "high"]].to_numpy()]
        shown = curve[["k"]].assign(**{"pass@k (95 %)": shares})
        others = self.neighbours
        ends = others[["estimate", "low", "high"]].to_numpy()
        beside = others[["metric"]].assign(**{"(95 %)": [percent_with_interval(*each) for each in ends]})
        problems, plan = f"{len(self.evaluation.outcomes):,} problems", f"plan: {self.evaluation.plan}"
        first = f"First {self.evaluation.plan.rounds[0]} attempts at every problem"
        notes = [
            f"{problems}; {plan}; draw: {self.evaluation.draw.name}.",
            f"Intervals of pass@k: {intervals_of(curve)}.",
            *(f"Of {'; '.join(alike['metric'])}: {kind}." for kind, alike in others.groupby("interval", sort=False)),
            health_sentence(self.health),
            f"{self._total('n'):,} attempts, {self._total('tokens'):,} tokens, {self.evaluation.new_tokens:,} of them "
            f"sampled now; kept in {self.evaluation.draw.store.root}, to be read with mathb view.",
        ]
        return "\n\n".join([self.headline, text_table(shown), titled(first, beside), bullets(notes)])

    def record(self) -> dict[str, Any]:
        """The same and more for scripts."""
        evaluation = self.evaluation
        attempts, correct, tokens = map(self._total, ("n", "c", "tokens"))
        return {
            "headline": self.headline, "warnings": self.warnings,
            "model": evaluation.model.name, "model_key": evaluation.draw.model_key, "draw": evaluation.draw.name,
            "plan": str(evaluation.plan), "attempts": attempts, "correct": correct, "tokens": tokens,
            "new_tokens": evaluation.new_tokens, "store": evaluation.draw.store.root,
            "interval": intervals_of(self.curve),
            "pass_at_k": self.curve[["k", "estimate", "low", "high", "problems"]],
            "first_round": self.neighbours.drop(columns=["model", "draw"]),
            "health": health_record(self.health), "asked": asked_table(evaluation.model),
        }  # fmt: skip

    def _total(self, column: str) -> int:
        return int(self.evaluation.outcomes[column].sum())


def health_record(health: Health) -> dict[str, Any]:
    """A `Health` for scripts, its bounds by name."""
    record = asdict(health)
    return record | {name: getattr(health, name)._asdict() for name in ("pass_at_1", "solved")}
