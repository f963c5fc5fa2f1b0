"""What a checkpoint says of itself: config, generation settings, chat template and end tokens, read from its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.places import called
from mathb_kit.settings import read_json

# All that is read of a checkpoint of the hub before its weights are.
SMALL_FILES = ("config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja")

_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")


@dataclass(frozen=True)
class Facts:
    """What a checkpoint says of itself, and in which file.

    Attributes:
        name: what it is called: its folder, file or hub id.
        context: most tokens of prompt and completion together.
        dtype: of its weights.
        generation: temperature, top_p, top_k and min_p, as far as it names them, and repetition_penalty.
        template: source of its chat template.
        ends: ids of all end tokens.
        files: by the names above, the files that say so.
    """

    name: str
    context: int | None = None
    dtype: str | None = None
    generation: dict[str, float] = field(default_factory=dict)
    template: str | None = None
    ends: tuple[int, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


def folder_facts(folder: Path, name: str | None = None) -> Facts:
    """Facts of a checkpoint folder in Hugging Face format; its weights are not read.

    Raises:
        MathbError: a file that is not what its name says.
    """
    config = read_if_there(folder / "config.json")
    text = config["text_config"] if isinstance(config.get("text_config"), dict) else {}  # of multimodal checkpoints
    generation = read_if_there(folder / "generation_config.json")
    tokenizer = read_if_there(folder / "tokenizer_config.json")
    files = {}

    context = next((table[key] for table in (config, text) for key in _CONTEXT_KEYS if table.get(key)), None)
    if context is not None and (not isinstance(context, int) or context < 2):
        raise MathbError(f"{folder / 'config.json'} gives a context of {context!r} tokens; mend it.")
    dtype = next((table[key] for table in (config, text) for key in ("dtype", "torch_dtype") if table.get(key)), None)
    files |= {"context": "config.json", "dtype": "config.json"}

    settings = {}
    for key in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty"):
        if (value := generation.get(key)) is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise MathbError(f"{folder / 'generation_config.json'} gives {key} as {value!r}, not as a number; mend it.")
        settings[key] = value
    files["generation"] = "generation_config.json"

    template, files["template"] = _template(folder, tokenizer)
    ends = {
        "generation_config.json": _ids(generation.get("eos_token_id")),
        "config.json": _ids(config.get("eos_token_id") or text.get("eos_token_id")),
        "tokenizer": _ids(_end_of(folder, tokenizer)),
    }
    # The config's is the older word: it counts where the generation settings have none.
    if ends["generation_config.json"]:
        ends.pop("config.json")
    files["ends"] = ", ".join(file for file, ids in ends.items() if ids)
    return Facts(
        name or called(folder),
        context=context,
        dtype=str(dtype).removeprefix("torch.") if dtype else None,
        generation=settings,
        template=template,
        ends=tuple(sorted(set().union(*ends.values()))),
        files=files,
    )


def read_if_there(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file. Raises MathbError: something else is in it."""
    return read_json(file) if file.is_file() else {}


def _template(folder: Path, tokenizer: dict[str, Any]) -> tuple[str | None, str]:
    own = folder / "chat_template.jinja"
    if own.is_file():
        try:
            return own.read_text(encoding="utf-8"), own.name
        except UnicodeDecodeError as error:
            raise MathbError(f"{own} is not UTF-8; fetch or write it anew.") from error
    template = tokenizer.get("chat_template")
    if isinstance(template, list):  # several, by name
        named = {each.get("name"): each.get("template") for each in template if isinstance(each, dict)}
        template = named.get("default")
    return (template if isinstance(template, str) else None), "tokenizer_config.json"


def _ids(value: Any) -> set[int]:
    return {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int) and each >= 0}


def _end_of(folder: Path, tokenizer: dict[str, Any]) -> int | None:
    """Id of the tokenizer's end token, which its settings name by text."""
    text = tokenizer.get("eos_token")
    text = text.get("content") if isinstance(text, dict) else text
    added = tokenizer.get("added_tokens_decoder") or {}
    try:
        tokens = [(int(number), token.get("content")) for number, token in added.items()]
        if text and not tokens:
            listed = read_if_there(folder / "tokenizer.json").get("added_tokens", [])
            tokens = [(each["id"], each["content"]) for each in listed]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MathbError(f"The tokenizer in {folder} lists added tokens in no known form; fetch it again.") from error
    return next((number for number, content in tokens if text and content == text), None)
