"""Checkpoints of the miniature from their recipes: ``python -m mathb_kit.lab.make NAME ... [--into FOLDER]``.

A checkpoint folder holds the weights (16-bit, computed with in 32), the tokenizer, and ``recipe.json``: the recipe,
what training reported, and the versions it ran under.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.lab.bases import train_base, train_on_corpus
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.provenance import provenance

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RECIPES = Path(__file__).parent / "recipes"

# How every miniature is prompted and sampled; 112 tokens hold the longest solution of any mode.
USAGE: dict[str, Any] = {"prompt": "{problem}\n", "sampling": {"temperature": 1.0, "max_tokens": 112}}


def recipe_names() -> list[str]:
    """Recipes in the order in which they can be made: bases before what is tuned from them."""
    paths = sorted(RECIPES.glob("mini-*.toml"))
    recipes = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in paths}
    return sorted(recipes, key=lambda name: (recipes[name]["kind"] != "base", name))


def make_checkpoint(name: str, into: Path = CHECKPOINTS) -> Path:
    """Train one checkpoint as its recipe says and write it to ``into/name``.

    Args:
        name: a recipe's name; the base of a tuned model must be in ``into`` already.
        into: folder of checkpoints.

    Raises:
        MathbError: no such recipe, or its base is missing.
    """
    path = RECIPES / f"{name}.toml"
    if not path.is_file():
        raise MathbError(f"There is no recipe {name!r}; there are {', '.join(recipe_names())}.")
    recipe = tomllib.loads(path.read_text(encoding="utf-8"))
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
            from mathb_kit.lab.reinforce import GRPOSettings, train_grpo
            from mathb_kit.problems import load_problems

            network, tokenizer = loaded
            problems = [p for p in load_problems("mini-train") if p.meta["level"] in recipe["levels"]]
            settings = GRPOSettings(seed=recipe["seed"], **recipe["training"])
            record = train_grpo(_as_model(name, "policy in training"), loaded, problems, settings)
        case kind:
            raise MathbError(f"{path.name} has the kind {kind!r}; it must be base, rl or distilled.")
    return write_checkpoint(into / name, network, tokenizer, recipe, asdict(record))


def write_checkpoint(
    folder: Path,
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    recipe: dict[str, Any],
    training: dict[str, Any],
) -> Path:
    """Write weights, tokenizer and, last, ``recipe.json``; returns the folder."""
    network.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    usage = {**USAGE, "base": recipe.get("base"), "trained_on": ["mini-train"] if recipe["kind"] == "rl" else []}
    made_with = provenance()
    report = {
        "mathb": usage,
        "recipe": recipe,
        "training": training,
        "packages": made_with["packages"],
        "python": made_with["python"],
    }
    (folder / "recipe.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return folder


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
    parser.add_argument("--threads", type=int, help="processor threads for training; the recipes were made with 1")
    arguments = parser.parse_args()
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    for name in arguments.names or recipe_names():
        print(make_checkpoint(name, arguments.into))


if __name__ == "__main__":
    main()
