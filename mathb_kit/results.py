"""The tables of a study, each computed once, from the store: notebooks show them, pages and the status tell of them.

The files beside the figures are written for readers; nothing is read back from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from functools import cached_property

import pandas as pd

from mathb_kit.construction import DRAW, prescreen, retested, run_filters, sieve, stages_before_sampling
from mathb_kit.construction.filters import Funnel
from mathb_kit.construction.sieve import Sieve
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.judging import (
    UNIFORM,
    CheckpointJudgement,
    Judgement,
    chance_lines,
    change_by_problem,
    expansion_beside_redrawn,
    form_of_gain,
    judge,
    judge_checkpoint,
    judge_seeds,
    redraw_names,
)
from mathb_kit.lab.result import mode_shares
from mathb_kit.models import Pair
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet
from mathb_kit.profiles import Profile
from mathb_kit.sampling import NotStored, OneAtATime, StoredOnly, engine_factory
from mathb_kit.statistics import (
    RedrawTest,
    attempts_saved,
    chance_corrected,
    fit_success_rates,
    frozen_null,
    newly_reached,
    paired_difference,
    pass_at_k_curve,
    redraw_interval,
)
from mathb_kit.statistics.redraw_power import RedrawDesign, power_table


class StudyResults:
    """What a study's models did, table by table; each is computed at its first use and kept.

    Args:
        study: the profile.
        stored_only: sample nothing. A table over several models or sets is then about those that the store has whole;
            one that cannot be had at all raises NotStored.

    Attributes:
        study: the profile.
        k: its largest number of attempts.
    """

    def __init__(self, study: Profile, *, stored_only: bool = False) -> None:
        self.study, self.k = study, max(study.ks)
        self._engine = engine_factory(study.engine, **study.engine_options)
        self._sampling = nullcontext(StoredOnly()) if stored_only else OneAtATime(self._engine)
        self._stored_only = stored_only
        self._kept: dict[tuple[str, str], Evaluation] = {}

    @cached_property
    def on_sets(self) -> dict[tuple[str, str], Evaluation]:
        """By base and set, the bases on the ordinary sets."""
        return self._evaluated([(base, name) for base in self.study.bases for name in self.study.sets])

    @cached_property
    def on_first_set(self) -> dict[str, Evaluation]:
        """By model, everybody on the first ordinary set."""
        return self._on(self.study.sets[0], [*self.study.bases, *self.study.tuned])

    @cached_property
    def on_hard_set(self) -> dict[str, Evaluation]:
        """By model, everybody on the hard set, in draws that did not select it."""
        models, hard = [*self.study.bases, *self.study.tuned], self.study.hard_set
        if hard:  # a model is opened once for this and for `on_first_set`, which is asked for beside it
            self._evaluated([(model, name) for model in models for name in (hard, self.study.sets[0])])
        return self._on(hard, models)

    @cached_property
    def hard_problems(self) -> ProblemSet:
        return self.study.problems(self.study.hard_set)

    def evaluations(self) -> dict[tuple[str, str], Evaluation]:
        """By (model, set), all of the study's evaluations that can be had, the pool left out."""
        try:
            return self._evaluated([(model, name) for model, name in self.study.evaluations if name != self.study.pool])
        except NotStored:
            return {}

    def _on(self, name: str | None, models: Iterable[str]) -> dict[str, Evaluation]:
        pairs = [(model, name) for model in models if name]
        return {model: each for (model, _), each in self._evaluated(pairs).items()}

    @cached_property
    def redrawn(self) -> dict[str, list[Evaluation]]:
        """By base that something was tuned from, its fresh draws on what it left unsolved of the hard set."""
        draws = {}
        for base in dict.fromkeys(self.study.tuned.values()):
            if base not in self.on_hard_set:
                continue
            model, chosen = self.study.model(base), self.hard_problems.unsolved_by(base)
            _, *others = redraw_names("main", self.study.redraws)
            draws[base] = [self.on_hard_set[base]]
            with self._sampling as engine:
                draws[base] += [evaluate(model, chosen, self.study.plan, draw=name, engine=engine) for name in others]
        return draws

    def _evaluated(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Evaluation]:
        """Evaluations by model and set, each by the study's plan on what the model meets of the set."""
        there = {}
        with self._sampling as engine:
            for model, name in pairs:
                if (model, name) not in self._kept:
                    problems = self.study.problems_met(model, name)
                    try:
                        each = evaluate(self.study.model(model), problems, self.study.plan, engine=engine)
                    except NotStored:
                        continue
                    self._kept[model, name] = each
                there[model, name] = self._kept[model, name]
        if not there:
            raise NotStored(f"Nothing of the study {self.study.name} is here yet; run its notebooks first.")
        return there

    # -- do bases saturate ordinary sets? ------------------------------------------------------------------------------

    @cached_property
    def saturation(self) -> pd.DataFrame:
        """pass@k of the bases on the ordinary sets: ``pass_at_k_curve`` by set and name."""
        return pass_at_k_curve(self._base_outcomes, self.study.ks, by=["set", "name"])

    @cached_property
    def saturation_ends(self) -> pd.DataFrame:
        """The smallest and the largest k of `saturation`, with intervals for other problems and for fresh attempts."""
        afresh = pass_at_k_curve(self._base_outcomes, self.study.ks, by=["set", "name"], interval="attempts")
        ends = pd.concat([self.saturation, afresh])
        return ends[ends["k"].isin([1, self.k])].sort_values(["set", "name", "k"], kind="stable")

    @cached_property
    def chance(self) -> pd.DataFrame:
        """What guessing is worth (``chance_lines``), with a column set: the first base's answers, and uniform."""
        if not self.study.chance:
            raise NotStored(f"The study {self.study.name} does not ask what guessing is worth.")
        guesser, fixed = self.study.model(self.study.bases[0]), Plan.fixed(self.study.chance)
        saturation, lines = self.saturation, []
        with self._sampling as engine:
            for name in self.study.sets:
                problems = self.study.problems(name)
                # A plan that stops early stops by the true gold, which would tell other golds apart: a draw of its own.
                guesses = evaluate(guesser, problems, fixed, draw="chance", engine=engine)
                solved = saturation[(saturation["set"] == name) & (saturation["name"] == guesser.name)]
                lines.append(chance_lines(guesses, problems, solved).assign(set=name))
        return pd.concat(lines, ignore_index=True)

    @cached_property
    def saturation_after_chance(self) -> pd.DataFrame:
        """set, name, k, estimate, chance (uniform guessing) and corrected, at the largest k."""
        guessing = self.chance[self.chance["what"] == UNIFORM].set_index(["set", "k"])["estimate"].rename("chance")
        left = self.saturation[self.saturation["k"] == self.k].join(guessing, on=["set", "k"])
        left["corrected"] = chance_corrected(left["estimate"], left["chance"])
        return left[["set", "name", "k", "estimate", "chance", "corrected"]]

    @cached_property
    def attempts_saved(self) -> pd.DataFrame:
        """What the adaptive plan saved (``attempts_saved``), by set and name."""
        return attempts_saved(self._base_outcomes, by=["set", "name"])

    @cached_property
    def _base_outcomes(self) -> pd.DataFrame:
        return pd.concat([each.outcomes for each in self.on_sets.values()])

    # -- what is left after the sieve, and is it impossible? -----------------------------------------------------------

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

    # -- do tuned models reach what their base does not? ---------------------------------------------------------------

    @cached_property
    def expansion(self) -> pd.DataFrame:
        """Expansion against k of tuned models beside their re-drawn bases (``expansion_beside_redrawn``)."""
        tried, ks = self.on_hard_set, self.study.ks
        return expansion_beside_redrawn(tried, dict(self._pairs(tried)), self.hard_problems, ks, self.redrawn)

    @cached_property
    def judgements(self) -> dict[str, Judgement]:
        """By tuned model, what it reaches of what its base left unsolved, beside the re-drawn base.

        Of the hard set; in a study without one, of the first set (`checkpoints`).
        """
        if not self.study.hard_set:
            return {name: each.judgement for name, each in self.checkpoints.items()}
        tried, k = self.on_hard_set, self.k
        if not (pairs := self._pairs(tried)):
            raise NotStored(f"Of {self.study.name} no tuned model and its base are both here on {self.study.hard_set}.")
        return {name: judge(tried[name], self.redrawn[base], self.hard_problems, k) for name, base in pairs}

    @cached_property
    def reach(self) -> pd.DataFrame:
        """Expansion at the largest k of every tuned model, and of the re-drawn bases, with tests."""
        table = pd.concat([each.to_frame() for each in self.judgements.values()], ignore_index=True)
        return table[table["metric"] == "expansion"].drop_duplicates().drop(columns="metric")

    @cached_property
    def seeds(self) -> dict[str, RedrawTest]:
        """By recipe, its seeds at once beside the re-drawn base (``judge_seeds``)."""
        groups = {name: [self.judgements.get(seed) for seed in seeds] for name, seeds in self.study.seeds.items()}
        return {name: judge_seeds(group) for name, group in groups.items() if all(group)}

    @cached_property
    def beside_redrawn(self) -> pd.DataFrame:
        """Tuned minus re-drawn at the largest k, for every tuned model and for the seeds of a recipe at once.

        Returns:
            tuned, seeds, redraws, of, reached, redrawn (means over draws), difference, low, high, seeds_low,
            seeds_high, p: see ``RedrawTest``.
        """
        tests = {name: each.test for name, each in self.judgements.items()}
        tests |= {f"{name}, {each.seeds} seeds": each for name, each in self.seeds.items()}
        table = pd.DataFrame(map(asdict, tests.values())).rename(columns={"tuned": "reached"})
        table.insert(0, "tuned", list(tests))
        ends = ["difference", "low", "high", "seeds_low", "seeds_high", "p"]
        return table[["tuned", "seeds", "redraws", "of", "reached", "redrawn", *ends]]

    @cached_property
    def power(self) -> pd.DataFrame:
        """What the comparison could have seen: the chance that a gain in Expansion shows, were it there.

        Simulated from the success rates that the re-draws show on D (``expansion_power``), so known after the run only;
        `mathb_kit.statistics.redraw_plan` foresees it from a pilot.

        Returns:
            base, who, problems, redraws, seeds, k, expansion, power. One line for a single tuned model of each base,
            one for the seeds of each recipe, and beside several re-draws one for a single re-draw.
        """
        frames, seeds = [], {self.judgements[name].base: test for name, test in self.seeds.items()}
        for base in dict.fromkeys(each.base for each in self.judgements.values()):
            draws = next(each.redraws for each in self.judgements.values() if each.base == base)
            rates = fit_success_rates(pd.concat(draws).groupby("problem")[["n", "c"]].sum(), refits=0)
            sizes = [(1, 1), (len(draws), 1), *([(len(draws), seeds[base].seeds)] if base in seeds else [])]
            designs = [RedrawDesign(self.k, len(draws[0]), *size) for size in dict.fromkeys(sizes)]
            table = power_table(rates, designs, [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
            frames.append(table.assign(base=base))
        power = pd.concat(frames, ignore_index=True)
        several = power["base"].nunique() > 1
        power["who"] = [
            f"{f'{row.base}: ' if several else ''}{row.problems} problems, {row.redraws} re-draw"
            f"{'s' if row.redraws > 1 else ''}{f', {row.seeds} seeds' if row.seeds > 1 else ''}"
            for row in power.itertuples()
        ]
        return power[["base", "who", "problems", "redraws", "seeds", "k", "expansion", "power"]]

    @cached_property
    def checkpoints(self) -> dict[str, CheckpointJudgement]:
        """By tuned model of a study without a hard set, its judgement on the first set (``judge_checkpoint``).

        The problems judged on are what the base leaves unsolved there in a draw that does nothing else.
        """
        if self._stored_only:
            raise NotStored(f"The judgements of {self.study.name} are not looked up without sampling.")
        problems, judged = self.study.problems(self.study.sets[0]), {}
        for name, base in self.study.tuned.items():
            pair = Pair(self.study.model(base), self.study.model(name), "vendor")
            judged[name] = judge_checkpoint(pair, problems, self.study.plan, ordinary=[problems],
                                            engine_for=self._engine, redraws=self.study.redraws)  # fmt: skip
        return judged

    @cached_property
    def at_least(self) -> pd.DataFrame:
        """Reach by at least m correct answers, for all m that the plan can tell."""
        ms = range(1, self.study.plan.stop + 1)
        table = pd.concat([each.at_least(ms).assign(tuned_model=name) for name, each in self.judgements.items()])
        columns = ["tuned_model", "m", "of", "tuned", "tuned_low", "tuned_high", "base", "base_low", "base_high", "p"]
        return table[columns]

    @cached_property
    def gains(self) -> dict[str, pd.DataFrame]:
        """By tuned model, what was truly gained or lost problem by problem (``gains_by_problem``)."""
        return {name: each.gains() for name, each in self.judgements.items()}

    @cached_property
    def _hard_outcomes(self) -> pd.DataFrame:
        """Of the models that met the whole hard set."""
        whole = (each for name, each in self.on_hard_set.items() if name not in self.study.partial)
        return pd.concat([each.outcomes for each in whole])

    @cached_property
    def pass_at_k_on_hard_set(self) -> pd.DataFrame:
        """pass@k of everybody who met the whole hard set."""
        return pass_at_k_curve(self._hard_outcomes, self.study.ks, by=["name"])

    @cached_property
    def gain_per_step(self) -> pd.DataFrame:
        """Share of the hard set newly reached with each further 64 attempts (all, where there are fewer)."""
        return newly_reached(self._hard_outcomes, step=min(64, self.k), k_max=self.k)

    # -- what tuning did to ordinary problems --------------------------------------------------------------------------

    @cached_property
    def changes(self) -> pd.DataFrame:
        """pass@1 of base and tuned model and what became of reach, problem by problem on the first set."""
        tried = self.on_first_set
        return pd.concat([change_by_problem(tried[base], tried[name], self.k) for name, base in self._pairs(tried)])

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Tuned minus base, paired by problem on the first set, at one attempt and at the largest k."""
        tried = self.on_first_set
        pairs = {name: (tried[base].outcomes, tried[name].outcomes) for name, base in self._pairs(tried)}
        table = pd.concat([paired_difference(*pair, [1, self.k]).assign(tuned=name) for name, pair in pairs.items()])
        table = table[["tuned", "k", "a", "b", "estimate", "low", "high", "interval"]]
        return table.rename(columns={"a": "base pass@k", "b": "tuned pass@k", "estimate": "difference"})

    @cached_property
    def modes(self) -> pd.DataFrame:
        """Shares of the miniature's solution modes on the first set (``mode_shares``)."""
        return pd.concat([mode_shares(each) for each in self.on_first_set.values()], ignore_index=True)

    @cached_property
    def on_first_set_curves(self) -> pd.DataFrame:
        """pass@k of everybody on the first set, by name, with chance (`chance`) as further names."""
        tried, first = self.on_first_set, self.study.sets[0]
        outcomes = pd.concat([each.outcomes for each in tried.values()])
        curves = pass_at_k_curve(outcomes, self.study.ks, by=["name"])
        guessing = self.chance[(self.chance["set"] == first) & ~self.chance["what"].isin(tried)]
        return pd.concat([curves, guessing.rename(columns={"what": "name"}).drop(columns="set")], ignore_index=True)

    @cached_property
    def form_of_gains(self) -> pd.DataFrame:
        """What of each tuned model's gain at pass@1 on the first set is form (``form_of_gain``)."""
        tried = self.on_first_set
        tables = [form_of_gain(tried[base], tried[name]).assign(tuned_model=name) for name, base in self._pairs(tried)]
        return pd.concat(tables, ignore_index=True)

    def _pairs(self, tried: Collection[str]) -> list[tuple[str, str]]:
        """Tuned models with their bases, as far as both were tried."""
        return [(name, base) for name, base in self.study.tuned.items() if name in tried and base in tried]
