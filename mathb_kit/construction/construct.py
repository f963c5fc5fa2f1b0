"""A whole construction, from the pool to a folder that can be published, as one settings file says.

The order is that of `mathb_kit.construction.pipeline`: first what takes no model; then, each on what the one before it
left, a random part of the candidates, the judge's rating, the cheap screen, the strong solvers, the sieve. All attempts
are kept in the store, so that a run which was stopped goes on where it was, and one that was finished only reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.construction.agreement import refuse_evaluated, sample_solutions, verified, verified_by_solutions
from mathb_kit.construction.construction import Construction
from mathb_kit.construction.dataset_card import About
from mathb_kit.construction.dataset_repository import export_dataset
from mathb_kit.construction.difficulty import rate_difficulty, rated_at_least
from mathb_kit.construction.embedding import embedder
from mathb_kit.construction.filters import Filtered, Funnel, drop_with_reason
from mathb_kit.construction.judged import judged_contamination, pair_judge
from mathb_kit.construction.pipeline import stages_before_sampling
from mathb_kit.construction.repair import Repaired, repair
from mathb_kit.construction.retest import retest
from mathb_kit.construction.rewriting import Rewritten, rewrite
from mathb_kit.construction.sieve import DRAW, Sieve, prescreen, sieve
from mathb_kit.errors import MathbError
from mathb_kit.models import Model, get_model
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, load_problems
from mathb_kit.sampling import EngineFactory
from mathb_kit.store import Store


@dataclass(frozen=True)
class Constructed:
    """What came of a construction.

    Attributes:
        construction: its settings.
        funnel: every stage, the sieve being the last.
        sieve: who left what unsolved.
        ratings: of difficulty (`rate_difficulty`), or None.
        retested: what a fresh draw makes of the selected problems (`mathb_kit.construction.retest`), or None.
        keys: of every model that was asked, by name.
        repaired: candidates whose LaTeX was repaired.
        rewritten: what became of every post, or None.
    """

    construction: Construction
    funnel: Funnel
    sieve: Sieve
    ratings: pd.DataFrame | None = None
    retested: pd.DataFrame | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    repaired: int = 0
    rewritten: Rewritten | None = None

    def export(self, folder: Path | str) -> Path:
        """Write the set as a `datasets` repository; see `export_dataset`. Rewrites stand beside their sources in
        ``rewrites.jsonl``."""
        construction, more = self.construction, {}
        if self.rewritten is not None:
            more["rewritten"] = self.rewritten.outcomes
        about = About(
            construction.name,
            bases=construction.bases,
            verification=construction.verification,
            retested=self.retested,
            ratings=self.ratings,
            licence=construction.licence,
            settings=construction.model_dump(mode="json") | {"keys": dict(self.keys), "repaired": self.repaired} | more,
        )
        folder = export_dataset(folder, self.sieve, self.funnel, about)
        if self.rewritten is not None:
            self.rewritten.table.to_json(folder / "rewrites.jsonl", orient="records", lines=True)
        return folder


def construct(
    construction: Construction,
    folder: Path | str | None = None,
    *,
    store: Store | None = None,
    engine_for: EngineFactory | None = None,
) -> Constructed:
    """Run a construction from its pool to the sieve, and write the new set.

    Args:
        construction: what to do.
        folder: where the set is written as a `datasets` repository; nowhere if absent.
        store: where attempts are kept; the common store by default.
        engine_for: gives the engine for a model, instead of the settings' ``engine`` and ``servers``.

    Raises:
        MathbError: a model that must not verify, a stage that leaves nothing, or what the stages report.
    """
    for place in (Path(folder), *Path(folder).parents) if folder is not None else ():  # said before hours of sampling
        if place.exists() and not place.is_dir():
            raise MathbError(f"{place}, where the set goes, is a file; name a folder.")
    engine_for = engine_for or construction.engine_for
    models, screen, verifiers = _models(construction)
    options: dict[str, Any] = {"store": store or Store()}
    candidates, rewritten = _candidates(construction), None
    problems = candidates.problems
    if construction.rewriter:
        writer, solver = get_model(construction.rewriter), get_model(construction.gold_solver)
        rewritten = rewrite(
            problems, writer, solver, construction.gold_solutions, engine_for=engine_for, **options
        )
        problems = rewritten.problems
    funnel = _cheap_stages(construction, problems, store)
    if construction.embedder:
        judge = pair_judge(get_model(construction.contamination_judge), engine=engine_for, **options)
        benchmarks = [load_problems(name) for name in construction.benchmarks]
        embed = embedder(construction.embedder)
        funnel = _then(funnel, judged_contamination(funnel.kept, benchmarks, embed, judge, construction.neighbours))
    ratings = None
    if construction.rater and construction.least_difficulty is not None:
        ratings = _rate(construction, funnel.kept, engine_for, **options)
        funnel = _then(funnel, rated_at_least(funnel.kept, ratings, construction.least_difficulty))
    if screen:
        attempts = construction.screen_attempts
        screened = prescreen(funnel.kept, screen, attempts, draw=DRAW, engine=engine_for, **options)
        funnel = _then(funnel, screened)
    if verifiers:
        evaluated = [*models, *([screen] if screen else [])]
        attempts = construction.verifier_attempts
        solutions = sample_solutions(
            funnel.kept, verifiers, attempts, evaluated=evaluated, engine_for=engine_for, **options
        )
        funnel = _then(funnel, verified(funnel.kept, solutions, construction.verifier_rule))
    result = sieve(funnel.kept, models, construction.attempts, draw=DRAW, engine_for=engine_for, **options)
    funnel = _then(funnel, result.filtered())
    if construction.rater and ratings is None:
        ratings = _rate(construction, result.union(), engine_for, **options)
    retested = None
    if construction.retest_attempts:
        plan = Plan.up_to(construction.retest_attempts, stop=1)
        retested = retest(result, models, plan, engine_for=engine_for, **options)
    helpers = [get_model(name) for name in construction.helpers]
    asked = [*models, *verifiers, *([screen] if screen else []), *helpers]
    keys = {model.name: model.key() for model in asked}
    repaired = len(candidates.table)
    constructed = Constructed(construction, funnel, result, ratings, retested, keys, repaired, rewritten)
    if folder is not None:
        constructed.export(folder)
    return constructed


def funnel_before_models(construction: Construction, *, store: Store | None = None) -> Funnel:
    """The pool after every stage that asks no model: what a construction costs is known after seconds.

    Posts that are to be rewritten are taken as they are.

    Raises:
        MathbError: a stage that leaves nothing, or what the stages report.
    """
    return _cheap_stages(construction, _candidates(construction).problems, store)


def _cheap_stages(construction: Construction, candidates: Sequence[Problem], store: Store | None) -> Funnel:
    benchmarks = [load_problems(name) for name in construction.benchmarks]
    stages = [*stages_before_sampling(benchmarks, exact_answers=construction.exact_answers)]
    if construction.solutions:
        stages.append(partial(verified_by_solutions, columns=construction.solutions, store=store))
    if construction.candidates is not None:
        stages.append(partial(subsample, size=construction.candidates))
    funnel = Funnel(tuple(candidates))
    for stage in stages:
        funnel = _then(funnel, stage(funnel.kept))
    return funnel


def subsample(problems: Sequence[Problem], size: int) -> Filtered:
    """Keep ``size`` problems at random: those whose keys have the smallest hashes, whatever else is in the pool."""
    ranked = sorted(problems, key=lambda problem: hashlib.sha256(problem.key.encode()).digest())
    kept = {problem.key for problem in ranked[: max(0, size)]}
    return drop_with_reason("subsample", problems, (None if p.key in kept else "not drawn" for p in problems))


def attempts_at_most(construction: Construction) -> pd.DataFrame:
    """What a construction would ask of each model if no stage dropped anything and nothing were in the store yet.

    Returns:
        stage, model, problems, attempts, tokens (attempts times the token limit): upper bounds, one row per model.
    """
    models, screen, verifiers = _models(construction)
    asked = [("pre-screen", model, construction.screen_attempts) for model in ([screen] if screen else [])]
    asked += [("agreement", model, construction.verifier_attempts) for model in verifiers]
    asked += [("sieve", model, construction.attempts) for model in models]
    if construction.retest_attempts:
        asked += [("re-test", model, construction.retest_attempts) for model in models]
    if construction.rater:
        asked.insert(0, ("difficulty", get_model(construction.rater), construction.ratings))
    if construction.contamination_judge:
        orders = 2 * construction.neighbours
        asked.insert(0, ("contamination", get_model(construction.contamination_judge), orders))
    if construction.rewriter:  # which posts become problems, nobody knows before
        posts = len(_candidates(construction).problems)
        count = min(posts, posts if construction.candidates is None else construction.candidates)
    else:
        posts, count = 0, len(funnel_before_models(construction).kept)
    priced = [(stage, model, count, each) for stage, model, each in asked]
    if construction.rewriter:
        solver = get_model(construction.gold_solver)
        priced.insert(0, ("golds", solver, posts, construction.gold_solutions))
        priced.insert(0, ("rewriting", get_model(construction.rewriter), posts, 1))
    rows = [(stage, m.name, n, n * each, n * each * m.sampling.max_tokens) for stage, m, n, each in priced]
    return pd.DataFrame(rows, columns=["stage", "model", "problems", "attempts", "tokens"])


def _models(construction: Construction) -> tuple[list[Model], Model | None, list[Model]]:
    """The sieve's models, the screen and the verifiers; faults of the settings come out before anything is sampled."""
    models = [get_model(name) for name in construction.models]
    screen = get_model(construction.screen) if construction.screen else None
    verifiers = [get_model(name) for name in construction.verifiers]
    named = [model.name for model in models]
    if strangers := [name for name in construction.bases if name not in named]:
        raise MathbError(f"The base {strangers[0]!r} takes no part in the sieve; these do: {', '.join(named)}.")
    known = {*named, *(model.name for model in verifiers), construction.screen, *construction.helpers}
    if strangers := [name for name in construction.servers if name not in known]:
        raise MathbError(f"servers names {strangers[0]!r}, which takes no part in the construction; correct the name.")
    evaluated = [*models, *([screen] if screen else [])]
    refuse_evaluated([*verifiers, *(get_model(name) for name in construction.judges)], evaluated)
    if bool(construction.rewriter) != bool(construction.gold_solver):
        raise MathbError("rewriter and gold_solver go together: name both, or neither.")
    if bool(construction.embedder) != bool(construction.contamination_judge):
        raise MathbError("embedder and contamination_judge go together: name both, or neither.")
    return models, screen, verifiers


def _candidates(construction: Construction) -> Repaired:
    posts = construction.rewriter is not None
    pool = [problem for name in construction.pool for problem in load_problems(name, allow_empty_gold=posts)]
    return repair(pool) if construction.repair else Repaired(tuple(pool), repair(()).table)


def _rate(
    construction: Construction, problems: Sequence[Problem], engine_for: EngineFactory, store: Store
) -> pd.DataFrame:
    judge = get_model(construction.rater)
    return rate_difficulty(problems, judge, construction.ratings, store=store, engine=engine_for)


def _then(funnel: Funnel, filtered: Filtered) -> Funnel:
    funnel = funnel.then(filtered)
    if not funnel.kept:
        *_, last = funnel.to_frame().itertuples()
        raise MathbError(
            f"The stage {last.stage!r} leaves no problem ({last.reasons or 'none came to it'}); take a larger pool, or "
            "be less strict there."
        )
    return funnel
