"""Models by name, hub id, or path of a checkpoint folder, GGUF file or adapter."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.adapters import ADAPTERS, BaseNotHere, base_of, is_adapter, with_adapter
from mathb_kit.models.defaults import derived_usage
from mathb_kit.models.entries import Usage, hub_models, registered_tables
from mathb_kit.models.facts import folder_facts, read_if_there
from mathb_kit.models.gguf import gguf_facts
from mathb_kit.models.hub import current_commit, is_here, small_files
from mathb_kit.models.model import Model, Sampling
from mathb_kit.models.showing import say_once
from mathb_kit.places import called, models_root
from mathb_kit.settings import did_you_mean

if TYPE_CHECKING:
    import pandas as pd


def checkpoints_root() -> Path:
    """Where the miniature's checkpoints lie: ``MATHB_CHECKPOINTS`` (a retrained set), else those that ship."""
    root = Path(os.environ.get("MATHB_CHECKPOINTS") or CHECKPOINTS)
    if not root.is_dir():
        raise MathbError(f"MATHB_CHECKPOINTS is {str(root)!r}, which is not a folder; correct it or unset it.")
    return root


def model_names() -> list[str]:
    """Names that `get_model` knows: the miniature's, the adapters that ship, then the hub's."""
    own = sorted(config.parent.name for config in checkpoints_root().glob("*/config.json"))
    return [*own, *sorted(config.parent.name for config in ADAPTERS.glob("*/adapter_config.json")), *hub_models()]


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def get_model(
    name_or_path: str | os.PathLike[str], base: str | os.PathLike[str] | None = None, revision: str | None = None
) -> Model:
    """A model by its name, a hub id, or the path of a checkpoint folder, a GGUF file or a PEFT adapter.

    A registered name or hub id (``mathb models``, and the TOML file that ``MATHB_MODELS`` names: see the header of
    ``registry.toml``) goes first and is asked as it is registered. Any other checkpoint is asked as its own files say,
    see `mathb_kit.models.defaults.derived_usage`; what was derived and what is our choice is said once, on stderr, and
    stands in ``Model.origins``. A ``mathb`` section in a folder's ``recipe.json``, or a registration without ``style``
    and ``prompt``, sets single values on top. A hub id may end in ``@revision``.

    A model of the hub without a revision gets the commit that is in the local cache, else the hub's newest; where
    neither can be had, a registered one keeps the ``revision`` None.

    Args:
        name_or_path: of the model.
        base: with an adapter, its base (name, hub id or path) where the one that it records is not here.
        revision: of a model of the hub, instead of the registered or the newest one: a branch, tag or commit.

    Raises:
        MathbError: no such model, a hub that cannot be reached, or a checkpoint whose files are faulty.
    """
    text = os.fspath(name_or_path)
    folder = Path(os.path.expanduser(text))
    known = _registered(text)
    if revision is not None:
        if known and not known[0].is_local:
            known = replace(known[0], revision=_commit(known[0].source, revision)), known[1]
        elif known or folder.exists() or not _HUB_ID.fullmatch(text):
            raise MathbError(f"{text!r} is on this machine, so it has no revision; leave it out.")
        else:
            text = f"{text.partition('@')[0]}@{revision}"
    if known is None and not folder.exists() and is_adapter(ADAPTERS / text):
        folder = ADAPTERS / text
    if known is None and folder.is_dir() and is_adapter(folder):
        return _on_its_base(folder, base)
    if known and is_adapter(Path(known[0].source)):
        return _registered_adapter(*known, base)
    if base is not None:
        raise MathbError(f"{text!r} is no adapter (a folder with adapter_config.json), so it takes no base.")
    if known is None and not folder.exists() and _HUB_ID.fullmatch(text):
        source, _, revision = text.partition("@")
        commit = _commit(source, revision) if revision else current_commit(source)
        files = small_files(source, commit)
        if is_adapter(files):
            return _on_its_base(files, base)
        model = Model(source.rpartition("/")[2], source, revision=files.name)  # the cache names it by its commit
        return _derived(model, {}, files)
    model, given = known or _by_path(folder)
    if not model.is_local and not model.revision:
        model = replace(model, revision=current_commit(model.source))
    if "prompt" in given:  # a whole description, not single values on top
        return model
    return _derived(model, given)


def tuned_model(
    name_or_path: str | os.PathLike[str], base: str | os.PathLike[str], revision: str | None = None
) -> Model:
    """The model that is judged beside a base: an adapter whose own is not here goes on that one, which stderr tells.

    Raises:
        MathbError: like `get_model`.
    """
    try:
        return get_model(name_or_path, revision=revision)
    except BaseNotHere as error:
        print(f"{str(error).partition(';')[0]}, so the adapter goes on {base}.", file=sys.stderr, flush=True)
        return get_model(name_or_path, base=base)


def _commit(source: str, revision: str) -> str:
    """The commit of a branch, tag or commit; as it is where neither hub nor cache can tell."""
    return revision if re.fullmatch("[0-9a-f]{40}", revision) else current_commit(source, revision) or revision


def as_registered(name_or_path: str | os.PathLike[str]) -> Model:
    """Like `get_model`, but an unpinned model stays unpinned: nothing is asked of hub or cache."""
    text = os.fspath(name_or_path)
    folder = Path(os.path.expanduser(text))
    if known := _registered(text):
        return known[0]
    if not folder.exists() and is_adapter(shipped := ADAPTERS / text):
        return _as_recipe_says(with_adapter(as_registered(base_of(shipped)), shipped), shipped)
    if not folder.exists() and _HUB_ID.fullmatch(text):
        source, _, revision = text.partition("@")
        return Model(source.rpartition("/")[2], source, revision=revision or None)
    return get_model(folder)


def _registered(text: str) -> tuple[Model, dict[str, Any]] | None:
    """The model of a registered name or hub id and the settings registered, or None."""
    entries = hub_models()
    if names := [text] if text in entries else [name for name, entry in entries.items() if entry.hub == text]:
        if len(names) > 1 and Path(text).exists():
            return None  # under several names: by its path it is the checkpoint itself
        if len(names) > 1:
            raise MathbError(f"{text} is registered at several revisions; name one of {', '.join(names)}.")
        name, entry = names[0], entries[names[0]]
        path = Path(os.path.expanduser(entry.hub))
        if entry.package and text == name and (models_root() / entry.package.file).is_file():
            path = models_root() / entry.package.file
        source = str(path) if path.exists() else entry.hub
        where, given = registered_tables().get(name, ("", {"prompt": entry.prompt}))
        model = _model(name, source, entry, revision=None if path.exists() else entry.revision)
        origins = {}
        for setting in _settings_of(given):
            fact = entry.facts.get(setting) or entry.facts.get("sampling" if setting in _SAMPLING else "", "")
            origins[setting] = f"registered ({where.partition(' ')[0]}{': ' if fact else ''}{fact.partition(';')[0]})"
        return replace(model, origins=origins), given
    if (checkpoints_root() / text / "config.json").is_file() and text in model_names():
        return _by_path(checkpoints_root() / text)
    return None


_SAMPLING = tuple(field.name for field in fields(Sampling))


def _settings_of(given: dict[str, Any]) -> list[str]:
    """Names of the settings in a table, single sampling settings among them."""
    return [name for name in given if name in Usage.model_fields and name != "sampling"] + [*given.get("sampling", {})]


def _by_path(path: Path) -> tuple[Model, dict[str, Any]]:
    """The model at a path, as far as its recipe goes, and what that sets."""
    if path.suffix == ".gguf" and path.is_file():
        return Model(path.stem, str(path)), {}
    if not path.is_dir():
        text = str(path)
        raise MathbError(
            f"There is no model {text!r}{did_you_mean(text, model_names())}; there are {', '.join(model_names())}, "
            "any id of the model hub (org/name), and any checkpoint folder, adapter folder or .gguf file by its path."
        )
    if not (path / "config.json").is_file():
        file = next(path.glob("*.gguf"), None)
        remedy = f"name its file, {file}" if file else "give a checkpoint folder in Hugging Face format"
        raise MathbError(f"{path} has no config.json; {remedy}.")
    recipe = path / "recipe.json"
    section = read_if_there(recipe).get("mathb", {})
    usage = Usage.parse(section, f"{recipe}, section mathb")
    origins = dict.fromkeys(_settings_of(section), f"registered ({recipe.name})")
    return replace(_model(called(path), str(path), usage), origins=origins), section


def _on_its_base(folder: Path, base: str | os.PathLike[str] | None) -> Model:
    """The model of an adapter folder."""
    recorded = base_of(folder) if base is None else os.fspath(base)
    try:
        return _as_recipe_says(with_adapter(get_model(recorded), folder), folder)
    except MathbError as error:
        if base is not None or Path(recorded).exists():
            raise
        raise BaseNotHere(
            f"The base {recorded!r} that {folder / 'adapter_config.json'} records cannot be had "
            f"({str(error).partition(';')[0].rstrip('.')}); write where it is as "
            "base_model_name_or_path there, or hand it in: evaluate --base, or get_model(folder, base=...)."
        ) from error


def _as_recipe_says(model: Model, folder: Path) -> Model:
    """With what the ``mathb`` section of an adapter's own ``recipe.json`` sets, if there is one."""
    given = read_if_there(folder / "recipe.json").get("mathb", {})
    usage = Usage.parse(given, f"{folder / 'recipe.json'}, section mathb")
    names = Usage.model_fields if "prompt" in given else given  # a whole description, not single values on top
    own = {name: getattr(usage, name) for name in names}
    told = [*names, *_SAMPLING] if "prompt" in given else _settings_of(given)
    return replace(model, **own, origins={**model.origins, **dict.fromkeys(told, "registered (recipe.json)")})


def _registered_adapter(model: Model, given: dict[str, Any], base: str | os.PathLike[str] | None) -> Model:
    """An adapter folder under a name of one's own: asked as that says, else as its base is."""
    whole = _on_its_base(Path(model.source), base)
    names = {"name": model.name, "base": model.base or whole.base, "trained_on": model.trained_on}
    if "prompt" in given:
        weights = {key: getattr(whole, key) for key in ("source", "revision", "adapter", "context")}
        return replace(model, **weights, **names)
    own = {key: getattr(model, key) for key in Usage.model_fields if key in given and key != "sampling"}
    sampling = replace(whole.sampling, **_as_sampling(given.get("sampling", {})))
    return replace(whole, **{**own, **names}, sampling=sampling, origins={**whole.origins, **model.origins})


def _derived(model: Model, given: dict[str, Any], files: Path | None = None) -> Model:
    """A model asked as its own files say, with the given settings on top."""
    if files is None:
        if not model.is_local:
            if not model.revision:
                return model  # neither hub nor cache: there is nothing to read
            files = small_files(model.source, model.revision)
        else:
            files = Path(model.source)
    facts = gguf_facts(files) if model.is_gguf else folder_facts(files, None if model.is_local else model.source)
    usage, origins = derived_usage(facts)
    usage["sampling"] = replace(usage["sampling"], **_as_sampling(given.get("sampling", {})))
    own = {name: getattr(model, name) for name in Usage.model_fields if name in given and name != "sampling"}
    model = replace(model, **{**usage, **own}, origins={**origins, **model.origins})
    say_once(model)
    return model


def _as_sampling(table: dict[str, Any]) -> dict[str, Any]:
    parsed = asdict(Usage.parse({"sampling": table}, "sampling").sampling)
    return {name: parsed[name] for name in table}


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


def describe_model(model: Model | str | os.PathLike[str]) -> dict[str, Any]:
    """Everything known of a model: its settings, its key, and what the registry says of where values come from."""
    model = model if isinstance(model, Model) else get_model(model)
    facts = dict(vars(model))
    if entry := hub_models().get(model.name):
        facts |= {"size": entry.size, "kind": entry.kind, "licence": entry.licence}
        if entry.package and model.is_gguf:
            facts |= {"weights": f"{entry.package.file}: {entry.hub}, quantised to {entry.package.quantization}"}
        facts |= {f"known: {what}": fact for what, fact in entry.facts.items()}
    if not model.is_local and model.revision is None:
        return facts | {"key": "unknown until a revision can be had: go online, or fetch the weights"}
    return facts | {"key": model.key()}


def _model(name: str, source: str, usage: Usage, revision: str | None = None) -> Model:
    settings = {key: getattr(usage, key) for key in Usage.model_fields}
    return Model(name, source, revision=revision, **settings)
