"""Checkpoints of the miniature from their recipes: ``python -m mathb_kit.lab.make NAME ... [--into FOLDER]``.

A checkpoint folder holds the weights (16-bit, computed with in 32), the tokenizer, and ``recipe.json``: the recipe,
what training reported, and the versions it ran under.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.lab.bases import train_base, train_on_corpus
from mathb_kit.lab.checkpoints import usage_of, write_checkpoint
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RECIPES = Path(__file__).parent / "recipes"
_ROOT = Path(__file__).resolve().parents[2]

# How every miniature is prompted and sampled; 112 tokens hold the longest solution of any mode.
USAGE: dict[str, Any] = {"prompt": "{problem}\n", "sampling": {"temperature": 1.0, "max_tokens": 112}}


def recipe_names(recipes: Path = RECIPES) -> list[str]:
    """Recipes in the order in which they can be made: bases before what is tuned from them."""
    kinds = {path.stem: _read(path)["kind"] for path in sorted(recipes.glob("mini-*.toml"))}
    return sorted(kinds, key=lambda name: (kinds[name] != "base", name))


def make_missing(into: Path, recipes: Path = RECIPES) -> None:
    """Make every checkpoint that ``into`` lacks: the bases, then the rest, a process with one thread per processor.

    Raises:
        MathbError: a recipe whose training failed; what was finished is kept.
    """
    missing = [name for name in recipe_names(recipes) if not (into / name / "recipe.json").is_file()]  # written last
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}

    def make(name: str) -> None:
        command = [sys.executable, "-m", "mathb_kit.lab.make", name, "--threads", "1"]
        command += ["--into", str(into), "--recipes", str(recipes)]
        if subprocess.run(command, env=environment, check=False).returncode:
            raise MathbError(f"Training {name} failed (its reason is above); what was finished is in {into}.")

    for wave in (True, False):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(make, [n for n in missing if (_read(recipes / f"{n}.toml")["kind"] == "base") is wave]))


def make_checkpoint(name: str, into: Path = CHECKPOINTS, recipes: Path = RECIPES) -> Path:
    """Train one checkpoint as its recipe says and write it to ``into/name``.

    Args:
        name: a recipe's name; the base of a tuned model must be in ``into`` already.
        into: folder of checkpoints.
        recipes: folder of recipes.

    Raises:
        MathbError: no such recipe, or its base is missing.
    """
    path = recipes / f"{name}.toml"
    if not path.is_file():
        raise MathbError(f"There is no recipe {name!r}; there are {', '.join(recipe_names(recipes))}.")
    recipe = _read(path)
    loaded = None
    if recipe["kind"] != "base":
        loaded = _load_base(recipe["base"], into)
    match recipe["kind"]:
        case "base":
            network, tokenizer, record = train_base(recipe)
        case "distilled":
            network, tokenizer = loaded
            record = train_on_corpus(network, tokenizer, recipe)
        case "rl":
            return _train_rl(name, into, recipe, loaded)
        case kind:
            raise MathbError(f"{path.name} has the kind {kind!r}; it must be base, rl or distilled.")
    usage = USAGE | {"base": recipe.get("base"), "trained_on": []}
    return write_checkpoint(into / name, network, tokenizer, usage, recipe, asdict(record))


def _train_rl(
    name: str, into: Path, recipe: dict[str, Any], loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]
) -> Path:
    """Outcome-reward RL from a base as a recipe of kind ``rl`` says: GRPO, unless it names another ``objective``."""
    from mathb_kit.lab.objectives import get_objective
    from mathb_kit.lab.run_folder import RunFolder
    from mathb_kit.lab.settings import TrainingSettings
    from mathb_kit.lab.trainer import Training, rollout_engine
    from mathb_kit.problems import load_problems

    policy, training = _as_model(name, str(into / recipe["base"])), dict(recipe["training"])
    objective = get_objective(recipe.get("objective", "grpo"))
    if clip := training.pop("clip", None):
        objective = objective.with_coefficients(clip=clip)
    settings = TrainingSettings(**training, max_tokens=policy.sampling.max_tokens, seed=recipe["seed"])
    problems = [p for p in load_problems("mini-train") if p.meta["level"] in recipe["levels"]]
    parts = settings.divide(problems, objective.supervised)
    with RunFolder(into / name, recipe) as folder:
        engine = rollout_engine(policy, loaded, settings.max_tokens)
        record = Training(engine, *parts, objective, settings, folder).fit()
        write_checkpoint(into / name, *loaded, usage_of(policy, recipe["base"], ["mini-train"]), recipe, record)
        folder.clean(keep_log=False)  # its curve is in the recipe
    return into / name


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _as_model(name: str, source: str) -> Model:
    return Model(name, source, prompt=USAGE["prompt"], sampling=Sampling(**USAGE["sampling"]))


def _load_base(base: str, into: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from mathb_kit.sampling.transformers_engine import load_checkpoint

    folder = into / base
    if not folder.is_dir():
        raise MathbError(f"The base model {base} is not in {into}; make it first.")
    return load_checkpoint(_as_model(base, str(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train checkpoints of the miniature from their recipes.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes to make; all by default")
    parser.add_argument("--into", type=Path, default=CHECKPOINTS, help="folder of checkpoints")
    parser.add_argument("--recipes", type=Path, default=RECIPES, help="folder of recipes")
    parser.add_argument("--threads", type=int, help="processor threads for training; the recipes were made with 1")
    arguments = parser.parse_args()
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    for name in arguments.names or recipe_names(arguments.recipes):
        print(make_checkpoint(name, arguments.into, arguments.recipes))


if __name__ == "__main__":
    main()
