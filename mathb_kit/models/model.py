"""A model as the study sees it: weights, prompt and sampling settings, and one key for all of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.settings import read_json, shortened

# What a checkpoint's distribution hangs on; optimizer states, READMEs and recipes beside them do not count.
_WEIGHT_FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "*.safetensors", "*.bin", "*.model",
)  # fmt: skip


RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "temperature": (lambda x: x >= 0, "0 or more"),
    "top_p": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
    "top_k": (lambda x: x >= 0 and x == int(x), "a whole number, 0 (off) or more"),
    "min_p": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
    "max_tokens": (lambda x: x >= 1 and x == int(x), "a whole number, 1 or more"),
}
"""What a number among the sampling settings must be, in code and in words."""


def check_ranges(settings: Mapping[str, Any]) -> None:
    """MathbError where a number among these settings is out of its `RANGES`."""
    for name, (fits, range_) in RANGES.items():
        if name in settings and (not math.isfinite(settings[name]) or not fits(settings[name])):
            raise MathbError(f"{name} is {settings[name]}; it must be {range_}.")


@dataclass(frozen=True)
class Sampling:
    """Sampling settings that change the distribution of completions.

    ``top_k=0``, ``top_p=1.0`` and ``min_p=0.0`` mean "off". ``max_tokens`` counts sampled tokens. A completion is
    cut before the first of the ``stop`` strings.

    Raises:
        MathbError: a number out of its `RANGES`, or an empty stop string, at which every completion would end.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(vars(self))
        if "" in self.stop:
            raise MathbError("One of the stop strings is empty, so every completion would end at once; leave it out.")

    def cut(self, text: str) -> str:
        """The text before its first stop string."""
        cuts = [cut for stop in self.stop if (cut := text.find(stop)) >= 0]
        return text[: min(cuts)] if cuts else text


@dataclass(frozen=True)
class Model:
    """A checkpoint with its prompt and sampling settings.

    Attributes:
        name: how people call it, e.g. ``mini-base-1``.
        source: hub id, or path of a local folder in Hugging Face format or of a ``.gguf`` file.
        prompt: template with ``{problem}``, or ``chat`` for a chat template.
        user: with ``chat``, the user's turn: a template with ``{problem}``.
        system: with ``chat``, the system's turn, if any.
        thinking: with ``chat``, the template's switch ``enable_thinking``; None leaves it alone.
        template: with ``chat``, the folder or ``hub/id@revision`` whose chat template is used; the checkpoint's own
            where None.
        sampling: settings used unless a run overrides them.
        base: name of the model it was tuned from, if any.
        revision: hub revision; None for a local folder, whose content is hashed instead.
        context: most tokens of prompt and completion together, where known.
        dtype: floating point type of the weights at run time.
        quantization: as the engine names it, or None.
        trained_on: problem sets its training saw.
        adapter: folder of a PEFT adapter that is applied to the weights of ``source``, if any.
        ends: ids of the tokens that end a completion, where the checkpoint was asked for them; else the engine's own.
        origins: by setting, where its value comes from: ``derived (file)``, ``registered (file)``, ``given`` or
            ``our choice``; no part of what a model is, so equality and key pass over it.
    """

    name: str
    source: str
    prompt: str = "{problem}"
    user: str = "{problem}"
    system: str | None = None
    thinking: bool | None = None
    template: str | None = None
    sampling: Sampling = Sampling()
    base: str | None = None
    revision: str | None = None
    dtype: str = "float32"
    quantization: str | None = None
    trained_on: tuple[str, ...] = ()
    context: int | None = None
    adapter: str | None = None
    ends: tuple[int, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        prompt = self.user if self.prompt == "chat" else self.prompt
        if "{problem}" not in prompt:
            raise MathbError(
                f"The prompt {shortened(prompt)} of {self.name} has no {{problem}}, where the statement goes; add it."
            )

    @property
    def is_local(self) -> bool:
        return Path(self.source).is_dir() or self.is_gguf

    @property
    def is_gguf(self) -> bool:
        return self.source.endswith(".gguf") and Path(self.source).is_file()

    def with_sampling(self, **changes: object) -> Model:
        """The same checkpoint under other sampling settings (hence another key)."""
        return replace(self, sampling=replace(self.sampling, **changes))

    def key(self) -> str:
        """16 hex digits over everything that changes the distribution of completions.

        Neither the name nor a local path counts: a copied checkpoint keeps its attempts, an edited one loses them.
        """
        identity = {
            "weights": self._weights(),
            "prompt": self.prompt,
            "sampling": asdict(self.sampling),
            "dtype": self.dtype,
            "quantization": self.quantization,
        }
        if self.prompt == "chat":  # the checkpoint's own chat template is part of its content, or of its revision
            identity["chat"] = {"user": self.user, "system": self.system, "thinking": self.thinking}
            identity["chat"]["template"] = _template_identity(self.template)
        # Only where they are set: what was sampled before they were known keeps its key.
        if self.adapter:
            identity["adapter"] = adapter_hash(Path(self.adapter))
        if self.ends:
            identity["ends"] = self.ends
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]

    def _weights(self) -> str:
        if self.is_gguf:
            return f"gguf:{file_hash(Path(self.source))}"
        return _content_hash(Path(self.source)) if self.is_local else f"{self.source}@{self.revision}"

    def render(self, statement: str) -> str:
        """The prompt for a statement; with ``chat`` the user's turn, see `mathb_kit.models.chat`."""
        return (self.user if self.prompt == "chat" else self.prompt).replace("{problem}", statement)


def _template_identity(template: str | None) -> str | None:
    """A folder's files that hold a chat template, or a GGUF file, by content; a hub id with its revision as it is."""
    if template is not None and template.endswith(".gguf") and Path(template).is_file():
        return f"gguf:{file_hash(Path(template))}"
    if template is None or not Path(template).is_dir():
        return template
    digest = hashlib.sha256()
    for name in ("tokenizer_config.json", "chat_template.jinja"):
        file = Path(template) / name
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def adapter_hash(folder: Path) -> str:
    """Hash of a PEFT adapter; where its base lies counts as little as the path of a checkpoint."""
    settings = read_json(folder / "adapter_config.json")
    for path in ("base_model_name_or_path", "revision"):
        settings.pop(path, None)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for file in sorted(folder.glob("adapter_model*.safetensors")):
        digest.update(f"{file.name}:{file_hash(file)}".encode())
    return digest.hexdigest()


def file_hash(file: Path) -> str:
    """SHA-256 of a file's content; read once per process as long as size and time of change stay."""
    stat = file.stat()
    return _file_hash(file.resolve(), stat.st_size, stat.st_mtime_ns)


@cache
def _file_hash(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _content_hash(folder: Path) -> str:
    files = sorted({f for pattern in _WEIGHT_FILES for f in folder.glob(pattern) if f.is_file()})  # no pipe, no device
    if not any(f.suffix == ".safetensors" for f in files):
        raise no_safe_weights(folder)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}:{file.stat().st_size}:".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def no_safe_weights(folder: Path) -> MathbError:
    """What is said of a folder without safetensors."""
    if pickled := next((f.name for pattern in ("*.bin", "*.pt", "*.pth") for f in sorted(folder.glob(pattern))), None):
        return MathbError(
            f"{folder} holds its weights as pickle ({pickled}), which can run code when it is read; convert it where "
            "you "
            "trust it: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder) writes safetensors."
        )
    return MathbError(f"{folder} holds no weights (*.safetensors); give a folder in Hugging Face format.")
