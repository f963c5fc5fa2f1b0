"""The settings of a construction: what is made of which pool, and how."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import PositiveInt

from mathb_kit.construction.agreement import Rule
from mathb_kit.construction.judged import NEIGHBOURS
from mathb_kit.construction.rewriting import SOLUTIONS
from mathb_kit.errors import MathbError
from mathb_kit.models import Model
from mathb_kit.sampling import CommittingEngine, Engine, get_engine
from mathb_kit.settings import Name, Settings, read_toml


class Construction(Settings):
    """What is made of which pool, and how.

    Attributes:
        name: of the new set; names its files.
        pool: sets or files with the candidates.
        benchmarks: sets or files whose problems must not be in the result.
        repair: put back the backslashes of LaTeX commands that lost them; what stays broken is dropped.
        exact_answers: check golds with the exact evaluator, which reads the miniature's statements only.
        solutions: columns of the pool with solutions by an independent model; all must agree with the gold.
        rewriter: model that makes problems with one answer of posts; ``gold_solver`` writes ``gold_solutions`` to each,
            which must agree, and with the pool's gold where it has one. See `mathb_kit.construction.rewriting`.
        embedder: folder or hub id of an embedding model; ``contamination_judge`` is asked of the ``neighbours`` nearest
            benchmark problems of each candidate. See `mathb_kit.construction.judged`.
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
    rewriter: str | None = None
    gold_solver: str | None = None
    gold_solutions: PositiveInt = SOLUTIONS
    embedder: str | None = None
    contamination_judge: str | None = None
    neighbours: PositiveInt = NEIGHBOURS
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
    def judges(self) -> list[str]:
        """Models that say what is right in the set, besides the verifiers: none may be evaluated."""
        return [name for name in (self.rewriter, self.gold_solver, self.contamination_judge) if name]

    @property
    def helpers(self) -> list[str]:
        """All models that take part without solving for the sieve, the screen or the verification."""
        return [*self.judges, *([self.rater] if self.rater else [])]

    @property
    def verification(self) -> str:
        """How golds are verified, as a sentence or two."""
        parts = []
        if self.exact_answers:
            parts.append("Every gold equals what an exact evaluator reads from the statement; no model took part.")
        if self.rewriter:
            parts.append(
                f"{self.rewriter} rewrote posts into these problems (each beside its source in rewrites.jsonl); all "
                f"{self.gold_solutions} solutions of {self.gold_solver} agree on each gold, and with the post's own "
                "answer where it has one."
            )
        if self.solutions:
            parts.append(f"The solutions that the pool brings along ({', '.join(self.solutions)}) all have the gold.")
        if self.verifiers:
            how = {
                "any": "At least one attempt of these models reproduced the gold",
                "all": "Every attempt of these models reproduced the gold",
            }[self.verifier_rule]
            parts.append(f"{how}: {', '.join(self.verifiers)} ({self.verifier_attempts} attempts each).")
        if self.solutions or self.verifiers or self.rewriter:
            parts.append("What these could not solve is not here, whether its gold is right or wrong.")
        return " ".join(parts) or "Golds are the pool's own; nothing verified them."


def load_construction(path: str | os.PathLike[str]) -> Construction:
    """The settings in a ``.toml`` file; its name is the set's unless it says another.

    Raises:
        MathbError: no such file, not TOML, an unknown or missing key.
    """
    path = Path(path)
    if not path.is_file():
        raise MathbError(f"There is no file {path}; write one that names pool and models at least.")
    return Construction.parse({"name": path.stem, **read_toml(path)}, str(path))
