"""The tables of a hard set's construction: what the sieve leaves of the pool, and whether that is impossible."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from mathb_kit.construction import DRAW, prescreen, retested, run_filters, sieve, stages_before_sampling
from mathb_kit.construction.filters import Funnel
from mathb_kit.construction.sieve import Sieve
from mathb_kit.evaluation import evaluate
from mathb_kit.plan import Plan
from mathb_kit.results.evaluations import StudyEvaluations
from mathb_kit.sampling import NotStored
from mathb_kit.statistics import fit_success_rates, frozen_null, redraw_interval


class ConstructionResults(StudyEvaluations):
    """What became of a study's pool, table by table, each computed at its first use and kept."""

    @cached_property
    def screened(self) -> Funnel:
        """The pool after every stage that needs no attempts; golds are checked by the exact evaluator."""
        if self.study.pool is None:
            raise NotStored(f"The study {self.study.name} has no pool to build a set from.")
        benchmarks = [self.study.problems(name) for name in self.study.sets]
        stages = stages_before_sampling(benchmarks, exact_answers=True)
        return run_filters(self.study.problems(self.study.pool), stages)

    @cached_property
    def funnel(self) -> Funnel:
        """`screened`, then 16 attempts of the screening model, then the sieve."""
        return self._before_sieve.then(self.sieve.filtered())

    @cached_property
    def sieve(self) -> Sieve:
        bases, candidates = [self.study.model(name) for name in self.study.bases], self._before_sieve.kept
        with self._sampling as engine:
            return sieve(candidates, bases, self.k, draw=DRAW, engine_for=engine)

    @cached_property
    def _before_sieve(self) -> Funnel:
        if not self.study.screen:
            return self.screened
        screen = self.study.model(self.study.screen)
        with self._sampling as engine:
            return self.screened.then(prescreen(self.screened.kept, screen, draw=DRAW, engine=engine))

    @cached_property
    def stages(self) -> pd.DataFrame:
        """The funnel as a table, with a column pool."""
        return self.funnel.to_frame().assign(pool=self.study.pool)

    @cached_property
    def unsolved(self) -> pd.DataFrame:
        """Problems that each base, any of them (union) and all of them (intersection) left unsolved."""
        sizes = {name: len(self.sieve.unsolved_by(name)) for name in self.study.bases}
        sizes |= {"union": len(self.sieve.union()), "intersection": len(self.sieve.intersection())}
        return pd.DataFrame(
            {"unsolved by": sizes.keys(), "problems": sizes.values(), "of": len(self.sieve.problems)}
        )

    @cached_property
    def retest(self) -> pd.DataFrame:
        """What a fresh draw of each base solves of the problems it had left unsolved (``retested``)."""
        fresh = self._on(self.study.hard_set, self.study.bases)
        outcomes = {name: each.outcomes for name, each in fresh.items()}
        return retested(self.hard_problems, list(outcomes), outcomes, self.k)

    @cached_property
    def candidate_outcomes(self) -> dict[str, pd.DataFrame]:
        """By base, its outcomes in the sieve on candidates that none of its own attempts selected.

        For the screening model these are all that came to the screen, for the others what the screen left: a prior
        fitted to what a model's own attempts selected would think too little of it.
        """
        plan, outcomes = Plan.up_to(self.k, stop=1), {}
        for name, rows in self.sieve.table.groupby("name", sort=False):
            if name == self.study.screen:
                model = self.study.model(name)
                with self._sampling as engine:
                    rows = evaluate(model, self.screened.kept, plan, draw=DRAW, engine=engine).outcomes
            outcomes[name] = rows
        return outcomes

    @cached_property
    def foreseen(self) -> pd.DataFrame:
        """Two ways to foresee `retest` from the sieve's own attempts at all candidates.

        Returns:
            model, the split-half null at k / 2 with its interval, selected (candidates with no success), predicted
            (of these, solved by a fresh draw; empirical Bayes with a mass at zero) with low and high, and what the
            fresh draw solved.
        """
        half, solved = self.k // 2, self.retest.set_index("model")["solved"]
        rows = []
        for name, tried in self.candidate_outcomes.items():
            null, missed = frozen_null(tried, half), tried[tried["c"] == 0]
            redraw = redraw_interval(missed, [self.k], fit_success_rates(tried)).iloc[0]
            predicted = (redraw["estimate"], redraw["low"], redraw["high"])
            rows.append((name, null.rate, null.low, null.high, len(missed), *predicted, solved[name]))
        columns = [
            "model", f"null at {half:,}", "null low", "null high", "selected", "predicted", "low", "high",
            "solved by a fresh draw",
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)
