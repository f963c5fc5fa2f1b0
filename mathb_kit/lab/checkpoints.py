"""Writing a trained network as an ordinary checkpoint folder with its recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.models.entries import Usage
from mathb_kit.models.model import Model, Sampling
from mathb_kit.progress import without_weight_bars
from mathb_kit.provenance import provenance

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def usage_of(model: Model, base: str | None, trained_on: list[str]) -> dict[str, Any]:
    """The ``mathb`` section of a recipe: how the model is prompted and sampled, and where it comes from."""
    fields = {name: getattr(model, name) for name in Usage.model_fields}
    changed = {name: value for name, value in fields.items() if value != Usage.model_fields[name].default}
    sampling = {k: v for k, v in asdict(model.sampling).items() if v != getattr(Sampling(), k) or k == "temperature"}
    return changed | {"sampling": sampling, "base": base, "trained_on": trained_on}


def write_checkpoint(
    folder: Path,
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    usage: dict[str, Any],
    recipe: dict[str, Any],
    training: dict[str, Any],
) -> Path:
    """Write weights (16-bit), tokenizer and, last, ``recipe.json``; returns the folder.

    Args:
        folder: made if missing.
        network: its weights are halved in place; bfloat16 where ``usage`` says that the model runs in it.
        tokenizer: of the network.
        usage: see `usage_of`.
        recipe: settings that made the checkpoint.
        training: what training reported.

    Raises:
        MathbError: the folder cannot be written.
    """
    import torch

    def save() -> None:
        network.to(torch.bfloat16 if usage.get("dtype") == "bfloat16" else torch.float16)
        with without_weight_bars():
            network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return write_with_recipe(folder, save, usage, recipe, training)


def write_with_recipe(
    folder: Path, save: Callable[[], None], usage: dict[str, Any], recipe: dict[str, Any], training: dict[str, Any]
) -> Path:
    """What ``save`` writes into the folder and, last, ``recipe.json``; otherwise like `write_checkpoint`."""
    from safetensors import SafetensorError

    made_with = provenance()
    report = {
        "mathb": usage,
        "recipe": recipe,
        "training": training,
        "packages": made_with["packages"],
        "python": made_with["python"],
    }
    try:
        save()
        for file in filter(Path.is_file, folder.glob("[!.]*")):
            with file.open("rb") as stream:
                os.fsync(stream.fileno())  # the recipe says that they are there, also after a power cut
    except (OSError, SafetensorError) as error:
        raise MathbError(f"Cannot write the checkpoint {folder} ({error}); free space there and run again.") from error
    with whole_file(folder / "recipe.json", "free space there and run again.") as stream:
        stream.write((json.dumps(report, indent=1) + "\n").encode())
    return folder
