"""Models by name or by checkpoint folder."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.hub import current_commit, is_here
from mathb_kit.models.model import Model, Sampling
from mathb_kit.settings import Settings, did_you_mean, only_fields_of, read_toml

if TYPE_CHECKING:
    import pandas as pd


class Usage(Settings):
    """How a checkpoint wants to be prompted and sampled, and where it comes from; see ``registry.toml``."""

    prompt: str = "{problem}"
    user: str = "{problem}"
    system: str | None = None
    thinking: bool | None = None
    sampling: Annotated[Sampling, only_fields_of(Sampling)] = Sampling()
    base: str | None = None
    trained_on: tuple[str, ...] = ()
    context: int | None = None
    dtype: str = "float32"


class HubEntry(Usage):
    """One table of ``registry.toml``, its style filled in.

    Attributes:
        hub: id on the hub, or a checkpoint folder.
        revision: commit on the hub; without one the model is pinned when it is first used.
        kind: ``base``, ``instruct`` or ``reasoning`` (writes long chains of thought): what a completion costs.
        size: parameters as the name says them, e.g. ``7B``.
        licence: of the weights.
        facts: what is known of single values and how well, in the words of the registry's header.
        chosen: whether temperature, top-p and token limit are our choice because no vendor names them.
        dtype: ``bfloat16`` unless said otherwise.
    """

    hub: str
    revision: str | None = None
    kind: str = "base"
    size: str | None = None
    licence: str = "unknown"
    facts: dict[str, str] = {}
    chosen: bool = False
    dtype: str = "bfloat16"


def hub_models() -> dict[str, HubEntry]:
    """The registered models of the hub: ours, and those of the file that ``MATHB_MODELS`` names."""
    ours = [Path(__file__).with_name(name) for name in ("registry.toml", "oreal_deepmath.toml")]
    own = os.environ.get("MATHB_MODELS")
    return _entries((*ours, *([Path(own)] if own else [])))


@cache
def _entries(files: tuple[Path, ...]) -> dict[str, HubEntry]:
    styles, entries = {}, {}
    for path in files:
        if not path.is_file():
            raise MathbError(f"MATHB_MODELS names {path}, which is not a file; correct it or unset it.")
        tables = read_toml(path)
        styles |= tables.pop("styles", {})
        for name, table in tables.items():
            where = f"{path.name} [{name}]"
            entries[name] = HubEntry.parse(_with_style(table, styles, where), where)
    return entries


def _with_style(table: Any, styles: dict[str, dict[str, Any]], where: str) -> Any:
    """The table on top of the style that it names; single sampling settings may differ from the style's."""
    if not isinstance(table, dict) or "style" not in table:
        return table
    own = {key: value for key, value in table.items() if key != "style"}
    if table["style"] not in styles:
        raise MathbError(f"{where} names the style {table['style']!r}; there are {', '.join(styles)}.")
    style = styles[table["style"]]
    sampling = {**style.get("sampling", {}), **own.get("sampling", {})}
    return {**style, **own, "sampling": sampling, "facts": {**style.get("facts", {}), **own.get("facts", {})}}


def checkpoints_root() -> Path:
    """Where the miniature's checkpoints lie: ``MATHB_CHECKPOINTS`` (a retrained set), else those that ship."""
    root = Path(os.environ.get("MATHB_CHECKPOINTS") or CHECKPOINTS)
    if not root.is_dir():
        raise MathbError(f"MATHB_CHECKPOINTS is {str(root)!r}, which is not a folder; correct it or unset it.")
    return root


def model_names() -> list[str]:
    """Names that `get_model` knows: the miniature's, then the hub's."""
    return [*sorted(config.parent.name for config in checkpoints_root().glob("*/config.json")), *hub_models()]


def get_model(name_or_path: str | os.PathLike[str]) -> Model:
    """A model by its name, its registered hub id, or the path of a checkpoint folder.

    A folder in Hugging Face format works as it is; a ``mathb`` section in its ``recipe.json`` may set what a table of
    ``registry.toml`` sets. Another model of the hub takes three lines of a TOML file that ``MATHB_MODELS`` names (see
    the header of ``registry.toml``), or ``Model(name, source, prompt=..., revision=...)``.

    A registered model without a revision gets the commit that is in the local cache, else the hub's newest; where
    neither can be had, ``revision`` stays None.

    Raises:
        MathbError: no such model, or a folder without a checkpoint or with a faulty recipe.
    """
    model = as_registered(name_or_path)
    if model.is_local or model.revision:
        return model
    return replace(model, revision=current_commit(model.source))


def as_registered(name_or_path: str | os.PathLike[str]) -> Model:
    """Like `get_model`, but an unpinned model stays unpinned: nothing is asked of hub or cache."""
    text = os.fspath(name_or_path)
    entries = hub_models()
    if names := [text] if text in entries else [name for name, entry in entries.items() if entry.hub == text]:
        if len(names) > 1:
            raise MathbError(f"{text} is registered at several revisions; name one of {', '.join(names)}.")
        entry, folder = entries[names[0]], Path(entries[names[0]].hub).expanduser()
        source = str(folder) if folder.is_dir() else entry.hub
        return _model(names[0], source, entry, revision=None if folder.is_dir() else entry.revision)
    if text in model_names():
        return _from_folder(checkpoints_root() / text)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return _from_folder(folder)
    raise MathbError(
        f"There is no model {text!r}{did_you_mean(text, model_names())}; there are {', '.join(model_names())}, "
        "and any checkpoint folder by its path."
    )


def first_available(*names: str | os.PathLike[str], hub: bool = False) -> Model:
    """The first of these models whose weights are on this machine, or with ``hub`` that the hub has.

    Raises:
        MathbError: none.
    """
    for name in names:
        model = as_registered(name)
        if is_here(model) or (hub and current_commit(model.source)):
            return get_model(name)
    raise MathbError(
        f"None of {', '.join(map(str, names))} is on this machine; fetch one with the hub's own tools, or name a "
        "checkpoint folder."
    )


def list_models() -> pd.DataFrame:
    """One row per known model: name, base, source, prompt (plain or chat), max_tokens, size and licence."""
    import pandas as pd

    rows, entries = [], hub_models()
    for name in model_names():
        model, entry = as_registered(name), entries.get(name)
        rows.append(
            {
                "name": name,
                "base": model.base or "",
                "source": "shipped" if entry is None else model.source,
                "prompt": "chat" if model.prompt == "chat" else "plain",
                "max_tokens": model.sampling.max_tokens,
                "size": entry.size or "" if entry else "",
                "licence": entry.licence if entry else "Apache-2.0",
            }
        )
    return pd.DataFrame(rows)


def describe_model(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """Everything known of a model: its settings, its key, and what the registry says of where values come from."""
    model = get_model(name_or_path)
    told = dict(vars(model))
    if entry := hub_models().get(model.name):
        told |= {"size": entry.size, "kind": entry.kind, "licence": entry.licence}
        told |= {f"known: {what}": fact for what, fact in entry.facts.items()}
    if not model.is_local and model.revision is None:
        return told | {"key": "unknown until a revision can be had: go online, or fetch the weights"}
    return told | {"key": model.key()}


def _from_folder(folder: Path) -> Model:
    if not (folder / "config.json").is_file():
        raise MathbError(f"{folder} has no config.json; give a checkpoint folder in Hugging Face format.")
    recipe = folder / "recipe.json"
    section = {}
    if recipe.is_file():
        try:
            section = json.loads(recipe.read_text(encoding="utf-8")).get("mathb", {})
        except (ValueError, AttributeError) as error:
            raise MathbError(f"{recipe} is not a JSON object ({error}); mend or remove it.") from error
    return _model(folder.resolve().name, str(folder), Usage.parse(section, f"{recipe}, section mathb"))


def _model(name: str, source: str, usage: Usage, revision: str | None = None) -> Model:
    settings = {key: getattr(usage, key) for key in Usage.model_fields}
    return Model(name, source, revision=revision, **settings)
