"""Models by name or by checkpoint folder."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.settings import Settings, did_you_mean, only_fields_of, read_toml

if TYPE_CHECKING:
    import pandas as pd


class Usage(Settings):
    """How a checkpoint wants to be prompted and sampled, and where it comes from; see ``registry.toml``."""

    prompt: str = "{problem}"
    sampling: Annotated[Sampling, only_fields_of(Sampling)] = Sampling()
    base: str | None = None
    trained_on: tuple[str, ...] = ()
    dtype: str = "float32"


class HubEntry(Usage):
    """One table of ``registry.toml``."""

    hub: str
    revision: str


@cache
def hub_models() -> dict[str, HubEntry]:
    """The registered models of the hub."""
    path = Path(__file__).with_name("registry.toml")
    return {name: HubEntry.parse(table, f"{path.name} [{name}]") for name, table in read_toml(path).items()}


def checkpoints_root() -> Path:
    """Where the miniature's checkpoints lie: ``MATHB_CHECKPOINTS`` (a retrained set), else those that ship."""
    return Path(os.environ.get("MATHB_CHECKPOINTS") or CHECKPOINTS)


def model_names() -> list[str]:
    """Names that `get_model` knows: the miniature's, then the hub's."""
    return [*sorted(config.parent.name for config in checkpoints_root().glob("*/config.json")), *hub_models()]


def get_model(name_or_path: str | os.PathLike[str]) -> Model:
    """A model by its name, its registered hub id, or the path of a checkpoint folder.

    A folder in Hugging Face format works as it is; a ``mathb`` section in its ``recipe.json`` may set prompt,
    sampling, base, trained_on and dtype. Another model of the hub is ``Model(name, source, prompt=..., revision=...)``:
    only its user knows how it wants to be prompted.

    Raises:
        MathbError: no such model, or a folder without a checkpoint or with a faulty recipe.
    """
    text = os.fspath(name_or_path)
    for name, entry in hub_models().items():
        if text in (name, entry.hub):
            return _model(name, entry.hub, entry, revision=entry.revision)
    if text in model_names():
        return _from_folder(checkpoints_root() / text)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return _from_folder(folder)
    raise MathbError(
        f"There is no model {text!r}{did_you_mean(text, model_names())}; there are {', '.join(model_names())}, "
        "and any checkpoint folder by its path."
    )


def list_models() -> pd.DataFrame:
    """One row per known model: name, base, source, prompt and max_tokens."""
    import pandas as pd

    models = [get_model(name) for name in model_names()]
    return pd.DataFrame(
        {
            "name": [model.name for model in models],
            "base": [model.base or "" for model in models],
            "source": ["shipped" if model.is_local else model.source for model in models],
            "prompt": [model.prompt for model in models],
            "max_tokens": [model.sampling.max_tokens for model in models],
        }
    )


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
