"""The tables of a study, each computed once, from the store: notebooks show them, pages and the status tell of them.

The files beside the figures are written for readers; nothing is read back from them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from functools import cached_property

import pandas as pd

from mathb_kit.evaluation import evaluate
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
)
from mathb_kit.models import Pair
from mathb_kit.plan import Plan
from mathb_kit.results.construction import ConstructionResults
from mathb_kit.sampling import NotStored
from mathb_kit.statistics import (
    RedrawTest,
    attempts_saved,
    chance_corrected,
    fit_success_rates,
    newly_reached,
    paired_difference,
    pass_at_k_curve,
)
from mathb_kit.statistics.redraw_power import RedrawDesign, power_table


class StudyResults(ConstructionResults):
    """What a study's models did, table by table; each is computed at its first use and kept."""

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
        from mathb_kit.lab.result import mode_shares  # brings torch

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
