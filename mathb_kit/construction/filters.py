"""What a filter is, and a funnel of them.

A filter takes problems and returns those it keeps and, for every one that it drops, a reason. A reason is a category,
or ``category: detail``; the funnel counts categories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.problems.problem import Problem


@dataclass(frozen=True)
class Filtered:
    """What one stage did.

    Attributes:
        stage: its name.
        kept: problems that go on, in their order.
        dropped: one row per dropped problem: problem (key), id, stage, reason.
    """

    stage: str
    kept: tuple[Problem, ...]
    dropped: pd.DataFrame


Filter = Callable[[Sequence[Problem]], Filtered]


def drop_with_reason(stage: str, problems: Sequence[Problem], reasons: Iterable[str | None]) -> Filtered:
    """Drop each problem that has a reason; ``reasons`` holds one entry per problem, None to keep it."""
    kept, dropped = [], []
    for problem, reason in zip(problems, reasons, strict=True):
        if reason is None:
            kept.append(problem)
        else:
            dropped.append((problem.key, problem.id, stage, reason))
    return Filtered(stage, tuple(kept), pd.DataFrame(dropped, columns=["problem", "id", "stage", "reason"], dtype=str))


@dataclass(frozen=True)
class Funnel:
    """Candidates and the stages they went through, one after the other.

    Attributes:
        candidates: the problems at the start.
        stages: what each stage kept and dropped.
    """

    candidates: tuple[Problem, ...]
    stages: tuple[Filtered, ...] = ()

    @property
    def kept(self) -> tuple[Problem, ...]:
        """Problems that every stage kept."""
        return self.stages[-1].kept if self.stages else self.candidates

    @property
    def dropped(self) -> pd.DataFrame:
        """All drops in the order of the stages: problem, id, stage, reason."""
        return pd.concat([_NONE_DROPPED, *(stage.dropped for stage in self.stages)], ignore_index=True)

    def then(self, filtered: Filtered) -> Funnel:
        """The funnel with one more stage, which was run on ``kept``.

        Raises:
            MathbError: the stage's kept and dropped problems are not those that the funnel had left.
        """
        seen = Counter(problem.key for problem in filtered.kept) + Counter(filtered.dropped["problem"])
        if seen != Counter(problem.key for problem in self.kept):
            raise MathbError(
                f"The stage {filtered.stage!r} was not run on the {len(self.kept)} problems that the funnel has left; "
                "hand it funnel.kept."
            )
        return Funnel(self.candidates, (*self.stages, filtered))

    def to_frame(self) -> pd.DataFrame:
        """stage, kept, dropped (counts), reasons ("8 multiple choice, 6 needs a picture"); first row: candidates."""
        rows = [("candidates", len(self.candidates), 0, "")]
        for stage in self.stages:
            categories = Counter(reason.split(":")[0] for reason in stage.dropped["reason"])
            reasons = ", ".join(f"{count:,} {category}" for category, count in categories.most_common())
            rows.append((stage.stage, len(stage.kept), len(stage.dropped), reasons))
        return pd.DataFrame(rows, columns=["stage", "kept", "dropped", "reasons"])


def run_filters(problems: Iterable[Problem], filters: Iterable[Filter]) -> Funnel:
    """Run filters one after the other, each on what the one before it kept."""
    funnel = Funnel(tuple(problems))
    for filter_ in filters:
        funnel = funnel.then(filter_(funnel.kept))
    return funnel


_NONE_DROPPED = drop_with_reason("", (), ()).dropped
