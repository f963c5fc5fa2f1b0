"""Profiles: which models, sets, plan and notebooks one call of ``mathb reproduce`` stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.settings import Settings, did_you_mean, only_fields_of, read_toml


class Cost(Settings):
    """Assumptions behind ``--plan``, measured on the machine that ``on`` names.

    Attributes:
        on: the machine, in words.
        tokens_per_attempt: mean length of a completion.
        tokens_per_second: sampling rate, all models together.
        bytes_per_attempt: size of a stored attempt with its answer.
    """

    on: str
    tokens_per_attempt: float
    tokens_per_second: float
    bytes_per_attempt: float


class Profile(Settings):
    """One study: models sampled on sets by a plan, and the notebooks that read the result.

    Attributes:
        name: the file's name, e.g. ``mini``; runs go to ``runs/<name>/``.
        about: one line for people.
        bases: names of the base models.
        sets: names of the problem sets that every base is evaluated on.
        plan: rounds, stop count and chunk size.
        ks: values of k at which pass@k is drawn.
        tuned: tuned models, each with the name of its base.
        replicates: those of them that are further seeds of another; judged like the rest, but on the hard set sampled
            only where they are judged.
        pool: candidates that the hard set is sieved from.
        screen: model that drops what it solves in 16 attempts before the sieve.
        hard_set: set derived from what the bases leave unsolved, if the study has one.
        notebooks: notebook names in the order they run.
        cost: assumptions for ``--plan``.
    """

    name: str
    about: str
    bases: tuple[str, ...]
    sets: tuple[str, ...]
    plan: Annotated[Plan, only_fields_of(Plan)]
    ks: tuple[int, ...]
    tuned: dict[str, str] = {}
    replicates: tuple[str, ...] = ()
    pool: str | None = None
    screen: str | None = None
    hard_set: str | None = None
    notebooks: tuple[str, ...]
    cost: Cost

    @property
    def evaluations(self) -> list[tuple[str, str]]:
        """(model, set) pairs: bases on every set and the pool, tuned ones on the first set, all on the hard one."""
        pairs = [(model, name) for model in self.bases for name in self.sets]
        pairs += [(model, self.sets[0]) for model in self.tuned]
        if self.pool:
            pairs += [(model, self.pool) for model in self.bases]
        if self.hard_set:
            pairs += [(model, self.hard_set) for model in (*self.bases, *self.tuned)]
        return pairs


def profile_names() -> list[str]:
    """Names of the profiles that exist."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def load_profile(name: str, quick: bool = False) -> Profile:
    """A profile by name, or from a ``.toml`` file of your own.

    Args:
        name: e.g. ``mini``, or a path that ends in ``.toml``.
        quick: replace what the file's ``[quick]`` table names (fewer attempts); its name gets ``-quick``.

    Raises:
        MathbError: unknown profile, unknown or missing key, no ``[quick]`` table where one is asked for.
    """
    path = Path(name) if name.endswith(".toml") else Path(__file__).with_name(f"{name}.toml")
    if not path.is_file():
        names = profile_names()
        raise MathbError(f"There is no profile {name!r}{did_you_mean(name, names)}; there are {', '.join(names)}.")
    table = read_toml(path)
    smaller = table.pop("quick", None)
    profile = Profile.parse({"name": path.stem, **table}, str(path))
    if not quick:
        return profile
    if smaller is None:
        raise MathbError(f"{path} has no [quick] table; run the profile without --quick.")
    return Profile.parse({"name": f"{path.stem}-quick", **table, **smaller}, f"{path} [quick]")
