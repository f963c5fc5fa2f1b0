"""Profiles: which models, sets, plan and notebooks one call of ``mathb reproduce`` stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from mathb_kit.errors import MathbError
from mathb_kit.models import Model, asked, get_model
from mathb_kit.models.entries import hub_models
from mathb_kit.models.model import check_ranges
from mathb_kit.models.showing import say_given_once
from mathb_kit.plan import Plan
from mathb_kit.problems import ProblemSet, load_problems
from mathb_kit.profiles.rehearsal import Rehearsal
from mathb_kit.settings import Name, Settings, did_you_mean, only_fields_of, read_toml, shortened


class StudyCost(Settings):
    """Assumptions behind ``--plan``. Numbers by kind (``base``, ``instruct``, ``reasoning``) or by size (``7B``) of the
    registry's models, or one number for all of them.

    Attributes:
        on: the machine or GPU, in words.
        tokens_per_attempt: mean length of a completion, by kind.
        tokens_per_second: sampling rate of one such machine, by size.
        bytes_per_attempt: size of a stored attempt with its answer, by kind.
        success_rates: for the adaptive plan's expectation, by set: a and b of a Beta distribution of per-problem
            success rates, and the share of problems never solved. Sets left out are priced to the end of the plan.
        origin: where the numbers come from.
    """

    on: str
    tokens_per_attempt: float | dict[str, float]
    tokens_per_second: float | dict[str, float]
    bytes_per_attempt: float | dict[str, float]
    success_rates: dict[str, tuple[float, float, float]] = {}
    origin: str = "measured"


class Asked(Settings):
    """Settings of a study in place of a checkpoint's own; what is None stays. See `mathb_kit.models.asked`."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    max_tokens: int | None = None
    system: str | None = None
    prompt: str | None = None
    dtype: str | None = None

    @model_validator(mode="after")
    def _in_range(self) -> Asked:
        check_ranges(self.model_dump(exclude_none=True))
        return self


class Published(Settings):
    """What a paper says its sampling cost: ``hours`` on ``on`` for ``attempts`` at each problem by each model."""

    who: str
    hours: float
    on: str
    models: int
    problems: int
    attempts: int


Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Profile(Settings):
    """One study: models sampled on sets by a plan, and the notebooks that read the result.

    Attributes:
        name: the file's name, e.g. ``mini``; runs go to ``runs/<name>/``.
        about: one line for people.
        bases: names of the base models.
        sets: names of the problem sets that every base is evaluated on.
        limit: by set, only its first problems, where the whole would take too long.
        asked: by model, settings of ours in place of the checkpoint's, as `mathb_kit.models.asked` takes them; ``all``
            holds those of every model.
        plan: rounds, stop count and chunk size.
        ks: values of k at which pass@k is drawn.
        tuned: tuned models, each with the name of its base.
        partial: those of them that meet the hard set only where they are judged, to save attempts.
        chance: attempts at every problem of the sets by the first base, whatever the verdicts: what guessing is worth
            needs a fixed number.
        pool: candidates that the hard set is sieved from.
        screen: model that drops what it solves in 16 attempts before the sieve.
        hard_set: set derived from what the bases leave unsolved, if the study has one.
        redraws: fresh draws of every base that something was tuned from, on what it left unsolved of the hard set.
        seeds: by name of a recipe, the tuned models that differ in nothing but their seed.
        notebooks: notebook names in the order they run.
        engine: what samples.
        engine_options: its options, e.g. ``{ gpu_memory_utilization = 0.8 }``.
        commit_figures: whether figures of the whole study go to ``figures/<name>/`` of the checkout.
        cost: assumptions for ``--plan``.
        published: cost of the original, shown beside.
        rehearsal: who stands in for whom, where the study is only acted out.
    """

    name: Name
    about: str
    bases: Names
    sets: Names
    plan: Annotated[Plan, only_fields_of(Plan)]
    ks: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    limit: dict[str, PositiveInt] = {}
    asked: dict[str, Asked] = {}
    tuned: dict[str, str] = {}
    partial: tuple[str, ...] = ()
    chance: NonNegativeInt = 256
    pool: str | None = None
    screen: str | None = None
    hard_set: str | None = None
    redraws: PositiveInt = 1
    seeds: dict[str, tuple[str, ...]] = {}
    notebooks: tuple[str, ...]
    engine: str = "transformers"
    engine_options: dict[str, Any] = {}
    commit_figures: bool = True
    cost: StudyCost
    published: Published | None = None
    rehearsal: Rehearsal | None = None

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

    @property
    def note(self) -> str:
        """For captions: name and content of the study, and that it is a rehearsal where it is one."""
        return f"profile {self.name}: {self.about}"

    @property
    def miniature(self) -> bool:
        """Whether every model sampled from is one of the miniature's, so that its ways of solving have names."""
        return self.rehearsal is not None or not {*self.bases, *self.tuned} & {*hub_models()}

    def model(self, name: str) -> Model:
        """The model of that name, or in a rehearsal the miniature checkpoint that stands in under the name."""
        if self.rehearsal:
            return self.rehearsal.model(name)
        own = [self.asked[each].model_dump(exclude_none=True) for each in ("all", name) if each in self.asked]
        model = get_model(name)
        changed = asked(model, **{key: value for settings in own for key, value in settings.items()})
        if changed != model:
            say_given_once(changed)  # after what the checkpoint itself says
        return changed

    def problems(self, name: str) -> ProblemSet:
        """The set of that name, or in a rehearsal a few of its problems or of a miniature set in its place."""
        if self.rehearsal:
            return self.rehearsal.problems(name, self.bases)
        problems = load_problems(name)
        return problems[: self.limit[name]] if self.limit.get(name, len(problems)) < len(problems) else problems

    def problems_met(self, model: str, name: str) -> ProblemSet:
        """What a model meets of a set: of the hard set a ``partial`` one only what its base left unsolved."""
        problems = self.problems(name)
        is_part = name == self.hard_set and model in self.partial
        return problems.unsolved_by(self.tuned[model]) if is_part else problems


    def check_hard_set(self) -> None:
        """Whether the hard set says of every base that something was tuned from what it left unsolved, and in how many
        attempts.

        Raises:
            MathbError: it does not, so that hours of sampling would end without a judgement.
        """
        for base in dict.fromkeys(self.tuned.values()):
            if self.hard_set:
                self.problems(self.hard_set).unsolved_by(base).attempts_at_selection(base)


def profile_names() -> list[str]:
    """Names of the profiles that exist."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def load_profile(name: str, quick: bool = False, rehearse: bool = False) -> Profile:
    """A profile by name, or from a ``.toml`` file of your own.

    A file may say ``extends = "single-gpu"`` and hold only what differs from that profile.

    Args:
        name: e.g. ``mini``, or a path that ends in ``.toml``.
        quick: replace what the file's ``[quick]`` table names (fewer attempts); its name gets ``-quick``.
        rehearse: let the tiny models of the ``[rehearse]`` table stand in; its name gets ``-rehearsal``.

    Raises:
        MathbError: unknown profile, unknown or missing key, no table for what is asked for.
    """
    path = Path(name) if name.endswith(".toml") else Path(__file__).with_name(f"{name}.toml")
    if not path.is_file():
        names = profile_names()
        if name.endswith(".toml"):
            raise MathbError(f"There is no file {name}; name a profile's own file, or one of {', '.join(names)}.")
        raise MathbError(f"There is no profile {name!r}{did_you_mean(name, names)}; there are {', '.join(names)}.")
    table = _read(path)
    variants = {"quick": table.pop("quick", None), "rehearse": table.pop("rehearse", None)}
    if odd := next((name for name, changes in variants.items() if not isinstance(changes, dict | None)), None):
        raise MathbError(f"{path}: {odd!r} must be a table, not {shortened(variants[odd])}.")
    profile = Profile.parse({"name": path.stem, **table}, str(path))
    if quick and rehearse:
        raise MathbError("A rehearsal is quick already; leave out --quick or --rehearse.")
    if not (quick or rehearse):
        return profile
    asked = "quick" if quick else "rehearse"
    if (changes := variants[asked]) is None:
        raise MathbError(f"{path} has no [{asked}] table; run the profile without --{asked}.")
    where = f"{path} [{asked}]"
    if quick:
        return Profile.parse({"name": f"{path.stem}-quick", **table, **changes}, where)
    shrunk = {key: value for key, value in changes.items() if key in Profile.model_fields}
    rehearsal = Rehearsal.parse({key: value for key, value in changes.items() if key not in shrunk}, where)
    acted = {
        "name": f"{path.stem}-rehearsal",
        "about": f"REHEARSAL, {rehearsal.about}; no number here is about a model or set of that name",
        "engine": "transformers",
        "engine_options": {},
        "cost": load_profile("mini").cost.model_copy(update={"success_rates": {}, "origin": "as for the profile mini"}),
        "published": None,
        "rehearsal": rehearsal,
        "sets": [rehearsal.set_name(name) for name in profile.sets],
        "hard_set": profile.hard_set and rehearsal.set_name(profile.hard_set),
    }
    return Profile.parse({**table, **shrunk, **acted}, where)


def _read(path: Path, *children: Path) -> dict[str, Any]:
    """The tables of a profile, on top of those of the profile that it extends."""
    table = read_toml(path)
    if "extends" not in table:
        return table
    name = str(table.pop("extends"))
    candidates = (folder / f"{name}.toml" for folder in (path.parent, Path(__file__).parent))
    parent = next((each for each in candidates if "/" not in name and each.is_file()), None)
    if parent is None:
        raise MathbError(
            f"{path} extends {shortened(name)}; there is no such profile beside it, and the shipped ones are "
            f"{', '.join(profile_names())}."
        )
    if parent in (path, *children):
        raise MathbError(f"{path} extends {name!r}, which extends {path.stem!r} again; leave one of the two out.")
    return _read(parent, path, *children) | table
