"""A whole construction, from the pool to a folder that can be published, as one settings file says.

The order is that of `mathb_kit.construction.pipeline`: first what takes no model; then, each on what the one before it
left, a random part of the candidates, the judge's rating, the cheap screen, the strong solvers, the sieve. All attempts
are kept in the store, so that a run which was stopped goes on where it was, and one that was finished only reads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import PositiveInt

from mathb_kit.construction.agreement import Rule, refuse_evaluated, sample_solutions, verified, verified_by_solutions
from mathb_kit.construction.dataset_card import About
from mathb_kit.construction.dataset_repository import export_dataset
from mathb_kit.construction.difficulty import rate_difficulty, rated_at_least
from mathb_kit.construction.filters import Filtered, Funnel, drop_with_reason
from mathb_kit.construction.pipeline import stages_before_sampling
from mathb_kit.construction.repair import Repaired, repair
from mathb_kit.construction.retest import retest
from mathb_kit.construction.sieve import DRAW, Sieve, prescreen, sieve
from mathb_kit.errors import MathbError
from mathb_kit.models import Model, get_model
from mathb_kit.plan import Plan
from mathb_kit.problems import Problem, load_problems
from mathb_kit.sampling import CommittingEngine, Engine, EngineFactory, get_engine
from mathb_kit.settings import Name, Settings, read_toml
from mathb_kit.store import Store


class Construction(Settings):
    """What is made of which pool, and how.

    Attributes:
        name: of the new set; names its files.
        pool: sets or files with the candidates.
        benchmarks: sets or files whose problems must not be in the result.
        repair: put back the backslashes of LaTeX commands that lost them; what stays broken is dropped.
        exact_answers: check golds with the exact evaluator, which reads the miniature's statements only.
        solutions: columns of the pool with solutions by an independent model; all must agree with the gold.
        candidates: at most so many go on to the models, chosen at random.
        rater: model that rates difficulty, ``ratings`` times a problem; ``least_difficulty`` drops what it rates lower.
        screen: model that drops what it solves in ``screen_attempts``.
        verifiers: strong models that solve what is left in ``verifier_attempts`` each; their ``verifier_rule`` is that
            of `verified`.
        models: the sieve; each gets up to ``attempts``.
        bases: those of them that the intersection is over; all where none are named.
        retest_attempts: of a fresh draw of every model on what it left unsolved; none by default.
        engine: what samples; ``servers`` are addresses of the models that a server samples instead.
        licence: of the new set, as the hub abbreviates it.
    """

    name: Name
    pool: tuple[str, ...]
    benchmarks: tuple[str, ...] = ()
    repair: bool = True
    exact_answers: bool = False
    solutions: tuple[str, ...] = ()
    candidates: PositiveInt | None = None
    rater: str | None = None
    ratings: PositiveInt = 6
    least_difficulty: float | None = None
    screen: str | None = None
    screen_attempts: PositiveInt = 16
    verifiers: tuple[str, ...] = ()
    verifier_attempts: PositiveInt = 2
    verifier_rule: Rule = "any"
    models: tuple[str, ...]
    bases: tuple[str, ...] = ()
    attempts: PositiveInt = 1024
    retest_attempts: PositiveInt | None = None
    engine: str = "transformers"
    servers: dict[str, str] = {}
    licence: str = "other"

    def engine_for(self, model: Model) -> Engine | CommittingEngine:
        """What samples from a model."""
        if model.name in self.servers:
            return get_engine(model, "server", url=self.servers[model.name])
        return get_engine(model, self.engine)

    @property
    def verification(self) -> str:
        """How golds are verified, as a sentence or two."""
        parts = []
        if self.exact_answers:
            parts.append("Every gold equals what an exact evaluator reads from the statement; no model took part.")
        if self.solutions:
            parts.append(f"The solutions that the pool brings along ({', '.join(self.solutions)}) all have the gold.")
        if self.verifiers:
            how = {
                "any": "At least one attempt of these models reproduced the gold",
                "all": "Every attempt of these models reproduced the gold",
            }[self.verifier_rule]
            parts.append(f"{how}: {', '.join(self.verifiers)} ({self.verifier_attempts} attempts each).")
        if self.solutions or self.verifiers:
            parts.append("What these could not solve is not here, whether its gold is right or wrong.")
        return " ".join(parts) or "Golds are the pool's own; nothing verified them."


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
    """

    construction: Construction
    funnel: Funnel
    sieve: Sieve
    ratings: pd.DataFrame | None = None
    retested: pd.DataFrame | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    repaired: int = 0

    def export(self, folder: Path | str) -> Path:
        """Write the set as a `datasets` repository; see `export_dataset`."""
        construction = self.construction
        about = About(
            construction.name,
            bases=construction.bases,
            verification=construction.verification,
            retested=self.retested,
            ratings=self.ratings,
            licence=construction.licence,
            settings=construction.model_dump(mode="json") | {"keys": dict(self.keys), "repaired": self.repaired},
        )
        return export_dataset(folder, self.sieve, self.funnel, about)


def load_construction(path: str | os.PathLike[str]) -> Construction:
    """The settings in a ``.toml`` file; its name is the set's unless it says another.

    Raises:
        MathbError: no such file, not TOML, an unknown or missing key.
    """
    path = Path(path)
    if not path.is_file():
        raise MathbError(f"There is no file {path}; write one that names pool and models at least.")
    return Construction.parse({"name": path.stem, **read_toml(path)}, str(path))


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
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():  # said before hours of sampling
        raise MathbError(f"{folder}, where the set goes, is a file; name a folder.")
    engine_for = engine_for or construction.engine_for
    models, screen, verifiers = _models(construction)
    options: dict[str, Any] = {"store": store or Store()}
    candidates = _candidates(construction)
    funnel = _cheap_stages(construction, candidates, store)
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
    rater = [get_model(construction.rater)] if construction.rater else []
    asked = [*models, *verifiers, *([screen] if screen else []), *rater]
    keys = {model.name: model.key() for model in asked}
    constructed = Constructed(construction, funnel, result, ratings, retested, keys, len(candidates.table))
    if folder is not None:
        constructed.export(folder)
    return constructed


def funnel_before_models(construction: Construction, *, store: Store | None = None) -> Funnel:
    """The pool after every stage that asks no model: what a construction costs is known after seconds.

    Raises:
        MathbError: a stage that leaves nothing, or what the stages report.
    """
    return _cheap_stages(construction, _candidates(construction), store)


def _cheap_stages(construction: Construction, candidates: Repaired, store: Store | None) -> Funnel:
    benchmarks = [load_problems(name) for name in construction.benchmarks]
    stages = [*stages_before_sampling(benchmarks, exact_answers=construction.exact_answers)]
    if construction.solutions:
        stages.append(partial(verified_by_solutions, columns=construction.solutions, store=store))
    if construction.candidates is not None:
        stages.append(partial(subsample, size=construction.candidates))
    funnel = Funnel(candidates.problems)
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
    count = len(funnel_before_models(construction).kept)
    rows = [(stage, m.name, count, count * each, count * each * m.sampling.max_tokens) for stage, m, each in asked]
    return pd.DataFrame(rows, columns=["stage", "model", "problems", "attempts", "tokens"])


def _models(construction: Construction) -> tuple[list[Model], Model | None, list[Model]]:
    """The sieve's models, the screen and the verifiers; faults of the settings come out before anything is sampled."""
    models = [get_model(name) for name in construction.models]
    screen = get_model(construction.screen) if construction.screen else None
    verifiers = [get_model(name) for name in construction.verifiers]
    named = [model.name for model in models]
    if strangers := [name for name in construction.bases if name not in named]:
        raise MathbError(f"The base {strangers[0]!r} takes no part in the sieve; these do: {', '.join(named)}.")
    known = {*named, *(model.name for model in verifiers), construction.screen, construction.rater}
    if strangers := [name for name in construction.servers if name not in known]:
        raise MathbError(f"servers names {strangers[0]!r}, which takes no part in the construction; correct the name.")
    refuse_evaluated(verifiers, [*models, *([screen] if screen else [])])
    return models, screen, verifiers


def _candidates(construction: Construction) -> Repaired:
    pool = [problem for name in construction.pool for problem in load_problems(name)]
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
