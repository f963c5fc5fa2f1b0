"""A training run as a value: what is optimised, from where, on what, and the folder that knows how far it got.

    from mathb_kit.lab.run import train
    train("grpo", "mini-base-1", steps=200, to="runs/lab/my-grpo")

`Run.of` takes the same arguments and trains nothing yet, for `mathb_kit.lab.many.train_all`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.lab.checkpoints import usage_of, write_checkpoint, write_with_recipe
from mathb_kit.lab.lora import Lora, base_to_record, load_adapted, write_adapter
from mathb_kit.lab.objectives import Objective, get_objective
from mathb_kit.lab.prompts import problem_source, problem_sources, problems_key, training_problems
from mathb_kit.lab.run_folder import RunFolder, read_recipe
from mathb_kit.lab.settings import TrainingSettings
from mathb_kit.lab.trainer import Training, rollout_engine
from mathb_kit.models.model import Model
from mathb_kit.models.registry import get_model
from mathb_kit.places import lab_root
from mathb_kit.problems.problem import Problem
from mathb_kit.problems.registry import registry
from mathb_kit.sampling.transformers_engine import load_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mathb_kit.sampling.transformers_engine import TransformersEngine

Problems = str | os.PathLike[str] | Sequence[Problem]

_STEPS = 200  # where neither steps nor tokens end a run
_SMALL = 1e7  # parameters
_RATE_SMALL, _RATE_LARGE, _RATE_LORA = 3e-4, 1e-6, 1e-4


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        objective: a name (see `mathb_kit.lab.objectives.OBJECTIVES`), or an `Objective` of your own.
        base: where to start: a model's name or folder; any causal LM in Hugging Face format.
        settings: batch, budget, learning rate, seed.
        on: training problems: a set that no evaluation uses, a file, or problems.
        folder: of the run and its checkpoint.
        validate_on: the training problems whose every tenth validates and is left out of training; ``on`` by default.
        lora: train an adapter beside the weights instead of them.
    """

    objective: str | Objective
    base: str | os.PathLike[str] | Model
    settings: TrainingSettings
    on: Problems
    folder: Path
    validate_on: Problems | None = None
    lora: Lora | None = None

    @classmethod
    def of(
        cls,
        objective: str | Objective = "grpo",
        base: str | os.PathLike[str] | Model = "mini-base-1",
        *,
        on: Problems = "mini-train",
        to: str | os.PathLike[str] | None = None,
        validate_on: Problems | None = None,
        **settings: Any,
    ) -> Run:
        """A run with the defaults of `train`, whose arguments these are."""
        lora = settings.pop("lora", None)
        lora = Lora(lora) if isinstance(lora, int) else lora
        chosen = TrainingSettings(**settings)
        if to is None:
            name = objective if isinstance(objective, str) else objective.name
            to = lab_root() / f"{name}-{_model(base).name}-{chosen.seed}"
        return cls(objective, base, chosen, on, Path(to), validate_on, lora)

    def finished(self) -> bool:
        """Whether this very checkpoint is in the folder; loads no network.

        A learning rate that was not given is taken for the default of the base's size, which only the network tells.

        Raises:
            MathbError: the folder's recipe cannot be read.
        """
        recipe = read_recipe(self.folder)
        if recipe is None:
            return False
        rate = self.settings.learning_rate
        if rate is None and (there := recipe.get("training", {}).get("learning_rate")) in self._default_rates():
            rate = there
        return json.loads(json.dumps(self._recipe(rate))) == recipe

    def train(self, device: str | None = None, watch: Callable[[dict[str, Any]], None] | None = None) -> Path:
        """Train on the verdicts of the model's own attempts; a run that was stopped goes on where it was kept.

        Args:
            device: ``cpu``, ``cuda``; a GPU if there is one.
            watch: called with each step's row of the log, e.g. `mathb_kit.course.LiveCurves.add`.

        Returns:
            The folder, an ordinary checkpoint or adapter (`get_model` reads it), with ``log.jsonl`` beside it.

        Raises:
            MathbError: bad settings, an evaluation set as training set, divergence, no gradient for many steps, a full
                disk; what was kept is named, and the same call resumes from it. Also a folder that holds another run,
                a damaged state, or a process that is training there now.
        """
        model, objective = _model(self.base), _objective(self.objective)
        problems, _ = training_problems(self.on)
        if self.lora:
            adapted, tokenizer = load_adapted(model, self.lora, self.settings.seed)
            network = adapted.get_base_model()
        else:
            network, tokenizer = load_checkpoint(replace(model, dtype="float32"))
        rate = self.settings.learning_rate
        if rate is None:
            rate = self._default_rates()[network.num_parameters() >= _SMALL]
        settings, recipe = self._settings(rate), self._recipe(rate)
        parts = self._divided(settings, problems, objective.supervised)
        folder = RunFolder(self.folder, recipe)
        if folder.finished():
            return folder.path
        with folder:
            engine = rollout_engine(model, (network, tokenizer), settings.max_tokens, device)
            forget = self.lora is not None and self.lora.checkpointing
            teacher = _teacher(objective, engine)
            record = Training(engine, *parts, objective, settings, folder, forget, teacher, watch).fit()
            usage = usage_of(model, model.name, list(dict.fromkeys([*model.trained_on, *problem_sources(self.on)])))
            if self.lora:
                base = base_to_record(model)
                save = partial(write_adapter, folder.path, adapted, base)
                write_with_recipe(folder.path, save, usage, recipe, record)
            else:
                write_checkpoint(folder.path, network, tokenizer, usage, recipe, record)
            folder.clean()
        return folder.path

    def _default_rates(self) -> tuple[float, float]:
        """Of a small and of a large network."""
        return (_RATE_LORA, _RATE_LORA) if self.lora else (_RATE_SMALL, _RATE_LARGE)

    def key(self) -> str:
        """A hash of all that the weights hang on; the learning rate must be given."""
        recipe = json.dumps(self._recipe(self.settings.learning_rate), sort_keys=True)
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]

    def _settings(self, learning_rate: float | None) -> TrainingSettings:
        """The settings with everything that hangs on objective and base."""
        given = self.settings
        return replace(
            given,
            steps=_STEPS if given.steps is None and given.tokens is None else given.steps,
            updates=given.updates or _objective(self.objective).updates,
            learning_rate=learning_rate,
            max_tokens=given.max_tokens or _model(self.base).sampling.max_tokens,
        )

    def _recipe(self, learning_rate: float | None) -> dict[str, Any]:
        """All that the checkpoint's weights hang on, as its folder keeps it."""
        model, objective = _model(self.base), _objective(self.objective)
        recipe = {
            "kind": "rl", "objective": objective.name, "coefficients": objective.coefficients(), "base": model.name,
            "base_key": model.key(), "on": problem_source(self.on), "training": asdict(self._settings(learning_rate)),
        }  # fmt: skip
        if rules := objective.rules():
            recipe["rules"] = rules
        if objective.teacher:
            recipe["teacher_key"] = get_model(objective.teacher).key()
        if not (isinstance(self.on, str) and self.on in registry()):  # what a file's name or a set's part does not say
            recipe["on_key"] = problems_key(training_problems(self.on)[0])
        recipe |= {} if self.validate_on is None else {"validate_on": problem_source(self.validate_on)}
        # What a network's layers keep for the backward pass changes no weight, so it is no part of the recipe.
        return recipe | ({"lora": {"rank": self.lora.rank}} if self.lora else {})

    def _divided(
        self, settings: TrainingSettings, problems: list[Problem], supervised: bool
    ) -> tuple[list[Problem], list[Problem]]:
        """Problems to train on and to validate on."""
        if self.validate_on is None:
            return settings.divide(problems, supervised)
        held_out = settings.divide(training_problems(self.validate_on)[0], supervised)[1]
        kept_out = {problem.statement for problem in held_out}
        rest = [problem for problem in problems if problem.statement not in kept_out]
        return replace(settings, validate=0).divide(rest, supervised)[0], held_out


def train(
    objective: str | Objective = "grpo",
    base: str | os.PathLike[str] | Model = "mini-base-1",
    *,
    on: Problems = "mini-train",
    to: str | os.PathLike[str] | None = None,
    validate_on: Problems | None = None,
    **settings: Any,
) -> Path:
    """Train a model on the verdicts of its own attempts; a call that was stopped goes on where it was kept.

    Args:
        objective: a name (see `mathb_kit.lab.objectives.OBJECTIVES`), or an `Objective` of your own.
        base: where to start: a model's name or folder; any causal LM in Hugging Face format.
        on: training problems: a set that no evaluation uses, a file, or problems.
        to: the folder of the run and its checkpoint; ``runs/lab/<objective>-<base>-<seed>`` by default.
        validate_on: the training problems whose every tenth validates and is left out of training; ``on`` by default.
        settings: fields of `TrainingSettings`: steps, tokens, prompts, group, updates, learning_rate, max_tokens, seed,
            validate; and ``lora``, a `Lora` or the rank of an adapter to train beside the weights, which stay in the
            type in which the model is asked; a base that is an adapter itself goes on with it.

    Returns:
        The folder, an ordinary checkpoint or adapter (`get_model` reads it), with ``log.jsonl`` beside it.

    Raises:
        MathbError: see `Run.train`.
    """
    return Run.of(objective, base, on=on, to=to, validate_on=validate_on, **settings).train()


def _teacher(objective: Objective, engine: TransformersEngine) -> PreTrainedModel | None:
    """The objective's teacher on the policy's device.

    Raises:
        MathbError: it splits text into other tokens than the policy.
    """
    if objective.teacher is None:
        return None
    network, tokenizer = load_checkpoint(replace(get_model(objective.teacher), dtype="float32"))
    if tokenizer.get_vocab() != engine.tokenizer.get_vocab():
        raise MathbError(
            f"The teacher {objective.teacher} and the policy {engine.model.name} have different tokens, so the one "
            "cannot score what the other sampled; name a teacher of the same family."
        )
    return network.to(engine.device).eval().requires_grad_(False)


def _model(base: str | os.PathLike[str] | Model) -> Model:
    return base if isinstance(base, Model) else get_model(base)


def _objective(objective: str | Objective) -> Objective:
    return get_objective(objective) if isinstance(objective, str) else objective
