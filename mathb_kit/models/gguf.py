"""GGUF files: their metadata as facts, and their weights unpacked once into a folder in Hugging Face format.

Everything that samples reads that folder, so that tokenizer, begin token and end tokens are the same for all engines.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.extras import need
from mathb_kit.models.facts import Facts
from mathb_kit.models.model import Model, file_hash
from mathb_kit.models.templates import render_chat
from mathb_kit.places import models_root
from mathb_kit.progress import without_weight_bars

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

METADATA = "GGUF metadata"
# Tokens that end a turn or a text and that metadata may leave out (llama.cpp ends at these, too).
_END_TEXTS = {
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>", "<EOT>", "<|end_of_text|>",
    "<|eot|>", "</s>", "<|end▁of▁sentence|>", "<｜end▁of▁sentence｜>",
}  # fmt: skip
_CONTROL = 3  # token_type of control tokens
# ggml's file types that hold plain numbers; all others are quantised and name no type to run in.
_PLAIN_TYPES = {0: "float32", 1: "float16", 32: "bfloat16"}
# Where metadata has no word on the begin token (llama.cpp's defaults): sentencepiece models and Llama 3 want it.
_WANTS_BEGIN = {"llama3", "llama-v3", "llama-bpe", "falcon3"}
# Split digit by digit, then as GPT-2 does (llama.cpp's table); transformers does only the latter.
_DIGITS_FIRST = {"smollm", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
# A change of how files are unpacked unpacks them anew.
_VERSION = 1


def gguf_facts(file: Path) -> Facts:
    """Facts of a GGUF file.

    Raises:
        MathbError: no GGUF file, or packages missing that read one.
    """
    metadata = _metadata(file)
    architecture = metadata["general.architecture"]
    ends = end_tokens(metadata)
    return Facts(
        file.stem,
        context=metadata.get(f"{architecture}.context_length"),
        dtype=_PLAIN_TYPES.get(metadata.get("general.file_type"), "bfloat16"),
        template=metadata.get("tokenizer.chat_template"),
        ends=ends,
        files={
            "context": METADATA,
            "template": METADATA,
            "ends": METADATA,
            "dtype": f"{METADATA}; quantised weights are unpacked to bfloat16, our choice",
        },
    )


def end_tokens(metadata: dict[str, Any]) -> tuple[int, ...]:
    """Ids of all tokens that end a completion: those that metadata names, and control tokens known to end a text."""
    names = ("eos", "eot", "eom")
    named = {metadata.get(f"tokenizer.ggml.{name}_token_id") for name in names} - {None}
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata.get("tokenizer.ggml.token_type") or []
    known = {i for i, (token, kind) in enumerate(zip(tokens, types)) if kind == _CONTROL and token in _END_TEXTS}
    return tuple(sorted(named | known))


def wants_begin(metadata: dict[str, Any]) -> bool:
    """Whether a text starts with the begin token."""
    default = metadata.get("tokenizer.ggml.model") == "llama" or metadata.get("tokenizer.ggml.pre") in _WANTS_BEGIN
    return bool(metadata.get("tokenizer.ggml.add_bos_token", default))


def unpacked(model: Model) -> Path:
    """The folder in Hugging Face format with a GGUF model's weights in its ``dtype``; written at first use.

    Raises:
        MathbError: a file that transformers cannot read, or no room on the disk.
    """
    file = Path(model.source)
    folder = models_root() / "unpacked" / f"{file.stem}-{file_hash(file)[:12]}-{model.dtype}-{_VERSION}"
    if not folder.is_dir():
        print(f"{file.name} is unpacked to {model.dtype}, once, into {folder}", file=sys.stderr, flush=True)
        part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        try:
            _unpack(model, file, part)
            os.replace(part, folder)
        except OSError as error:
            if not folder.is_dir():  # another process was faster
                raise MathbError(
                    f"{file} could not be unpacked into {folder} ({str(error).splitlines()[0]}); MATHB_MODEL_DIR may "
                    "name "
                    "another folder."
                ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _unpack(model: Model, file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    tokenizer = gguf_tokenizer(file)  # before the weights: it is what may be missing
    try:
        with without_weight_bars():
            network = AutoModelForCausalLM.from_pretrained(
                file.parent,
                gguf_file=file.name,
                quantization_config=GgufConfig(dequantize=True),
                dtype=getattr(torch, model.dtype),
                trust_remote_code=False,
                local_files_only=True,
            )
    except (ValueError, KeyError, RuntimeError, ImportError) as error:
        raise MathbError(
            f"transformers cannot read the weights in {file} ({str(error).splitlines()[0]}); take another quantisation "
            "(Q4_K_M, Q8_0 or F16 are common), or the checkpoint in Hugging Face format."
        ) from error
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(network.config, name):
            delattr(network.config, name)
    network.hf_quantizer, network.is_quantized = None, False
    network.config.name_or_path = file.stem
    network.generation_config.eos_token_id = list(end_tokens(_metadata(file)))
    with without_weight_bars():
        network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    mended = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    mended.pop("name_or_path", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(mended, indent=1), encoding="utf-8")


@cache
def _tokenizer(file: Path, changed: int) -> PreTrainedTokenizerBase:
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    metadata = _metadata(file)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            file.parent, gguf_file=file.name, padding_side="left", trust_remote_code=False, local_files_only=True
        )
    except (ValueError, KeyError, OSError, ImportError) as error:
        raise MathbError(
            f"transformers cannot read the tokenizer in {file} ({str(error).splitlines()[0]}); take the checkpoint in "
            "Hugging Face format."
        ) from error
    if metadata.get("tokenizer.ggml.pre") in _DIGITS_FIRST:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    if wants_begin(metadata) and tokenizer.bos_token is not None:
        tokenizer.add_bos_token = True  # the conversion drops it
        if tokenizer.chat_template and not _begins(tokenizer):
            tokenizer.chat_template = "{{- bos_token }}" + tokenizer.chat_template
    return tokenizer


def gguf_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a GGUF file, with the begin token where metadata asks for one, never twice in a chat.

    Raises:
        MathbError: a tokenizer that transformers cannot read.
    """
    return _tokenizer(file.resolve(), file.stat().st_mtime_ns)


def _begins(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template writes the begin token itself."""
    return render_chat(tokenizer, [{"role": "user", "content": "1"}]).startswith(tokenizer.bos_token)


def _metadata(file: Path) -> dict[str, Any]:
    return _read_metadata(file.resolve(), file.stat().st_mtime_ns)


@cache
def _read_metadata(file: Path, changed: int) -> dict[str, Any]:
    need("models", f"Reading {file.name}", "gguf", "accelerate")
    if find_spec("transformers.integrations.gguf") is None:
        raise MathbError(f"Reading {file.name} takes a newer transformers: python -m pip install 'mathb_kit[models]'.")
    import struct

    from transformers.integrations.gguf import read_gguf_metadata

    try:
        metadata, _ = read_gguf_metadata(str(file), ("tokenizer.ggml.tokens",))
    except (ValueError, struct.error, UnicodeDecodeError, IndexError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it ends early"
        raise MathbError(f"{file} is no whole GGUF file ({reason}); fetch it again.") from error
    if not isinstance(metadata.get("tokenizer.ggml.tokens"), list):
        raise MathbError(f"{file} holds no tokenizer; take a GGUF file of a whole model.")
    return metadata
