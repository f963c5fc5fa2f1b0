"""PEFT adapters (LoRA): a folder with ``adapter_config.json`` on top of the weights of a base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.models.facts import folder_facts, read_if_there
from mathb_kit.models.model import Model, no_safe_weights
from mathb_kit.places import called

ADAPTERS = Path(__file__).with_name("shipped")
"""Adapters that ship, each on a registered model, under the names of their folders; `mathb_kit.lab.word_problems` makes
them."""


class BaseNotHere(MathbError):
    """The base that an adapter records cannot be had."""


def is_adapted(network: Any) -> bool:
    """Whether layers of this network carry an adapter beside their weights."""
    return hasattr(network, "peft_config")  # peft leaves it on every network that it works on


def is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def base_of(folder: Path) -> str:
    """Name, hub id (``org/name`` or ``org/name@revision``) or path of the base that an adapter folder records.

    Raises:
        MathbError: none is recorded.
    """
    settings = read_if_there(folder / "adapter_config.json")
    base, revision = settings.get("base_model_name_or_path"), settings.get("revision")
    if not isinstance(base, str) or not base:
        raise MathbError(
            f"{folder / 'adapter_config.json'} names no base; write one as base_model_name_or_path, or hand it in: "
            "get_model(folder, base=...)."
        )
    return f"{base}@{revision}" if revision and not Path(base).exists() else base


def with_adapter(base: Model, folder: Path) -> Model:
    """The base with an adapter on top: the base's settings, but a chat template of the adapter's folder goes first.

    Raises:
        MathbError: an adapter without safetensors.
    """
    if not any(folder.glob("adapter_model*.safetensors")):
        raise no_safe_weights(folder)
    changes: dict[str, object] = {"name": called(folder), "base": base.name, "adapter": str(folder)}
    origins = {**base.origins, "adapter": "given", "base": "derived (adapter_config.json)"}
    facts = folder_facts(folder)
    if facts.template and base.prompt == "chat":
        changes["template"] = str(folder)
        origins["template"] = f"derived ({facts.files['template']} beside the adapter)"
    return replace(base, origins=origins, **changes)
