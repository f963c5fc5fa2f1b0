"""Networks and tokenizers of models, whatever form they lie in; no code of a checkpoint is ever run."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.errors import MathbError
from mathb_kit.extras import need
from mathb_kit.models.defaults import DTYPES
from mathb_kit.models.entries import hub_models
from mathb_kit.models.gguf import unpacked
from mathb_kit.models.hub import asking_hub
from mathb_kit.models.model import Model, no_safe_weights
from mathb_kit.progress import without_weight_bars
from mathb_kit.settings import parse_json, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What transformers raises at odd files: a configuration is checked by arithmetic with what stands in it.
_UNREADABLE = (OSError, ValueError, ImportError, LookupError, TypeError, AttributeError, ArithmeticError)
_LAYER = re.compile(r"\.(?:layers|h|blocks|layer)\.(\d{1,9})\.")
_LAYERS_AT_MOST = 10  # times those held; some architectures use a layer several times
# One of these is there where a tokenizer is.
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "*.tiktoken", "tekken.json", "spiece.model")


def checkpoint_place(model: Model) -> str:
    """What an engine loads: a folder in Hugging Face format (of a GGUF file, the one it is unpacked into) or a hub id.

    An adapter (`Model.adapter`) is not part of it.

    Raises:
        MathbError: a local checkpoint that is not whole.
    """
    if model.is_gguf:
        return str(unpacked(model))
    if model.is_local:
        check_folder(Path(model.source))
    return model.source


def load_checkpoint(model: Model) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Network, with its adapter on it (merged where the weights have 32 bits), and left-padding tokenizer of a model.

    Raises:
        MathbError: files that are missing, damaged or not to be trusted, or a hub that cannot be reached.
    """
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    if model.dtype not in DTYPES:
        raise MathbError(f"Model {model.name!r} has the dtype {model.dtype!r}; it must be one of {', '.join(DTYPES)}.")
    place = checkpoint_place(model)
    tokenizer = load_tokenizer(model)
    try:
        with without_weight_bars():
            network = AutoModelForCausalLM.from_pretrained(
                place,
                revision=model.revision,
                dtype=getattr(torch, model.dtype),
                use_safetensors=True,
                trust_remote_code=False,
            )
            if model.adapter:
                network = _adapted(network, Path(model.adapter))
    except (*_UNREADABLE, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise _not_loaded(model, "", error) from error
    _check_finite(model, network)
    if model.ends:
        network.generation_config.eos_token_id = list(model.ends)
    return network, tokenizer


def load_tokenizer(model: Model) -> PreTrainedTokenizerBase:
    """The left-padding tokenizer of a model; a text gets the begin token where tokenizer and its settings ask for it.

    Raises:
        MathbError: there is none, or the hub cannot be reached.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoTokenizer
    from transformers.utils import cached_file

    place = str(unpacked(model)) if model.is_gguf else model.source  # whatever of its weights is there
    folder = Path(place)
    if folder.is_dir() and not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        raise MathbError(f"{folder} has no tokenizer (tokenizer.json); copy the one it was trained with into it.")
    try:
        with nullcontext() if folder.is_dir() else asking_hub(f"the tokenizer of {model.source}"):
            tokenizer = AutoTokenizer.from_pretrained(
                place, revision=model.revision, padding_side="left", trust_remote_code=False
            )
            settings = cached_file(
                place, "tokenizer_config.json", revision=model.revision, _raise_exceptions_for_missing_entries=False
            )
    except (*_UNREADABLE, StrictDataclassError) as error:
        raise _not_loaded(model, "the tokenizer of ", error) from error
    # transformers passes over this setting where there is a tokenizer.json, and the begin token would be lost.
    asked = settings and read_json(Path(settings)).get("add_bos_token")
    if (
        asked is True
        and tokenizer.bos_token_id is not None
        and tokenizer("1")["input_ids"][0] != tokenizer.bos_token_id
    ):
        tokenizer.add_bos_token = True
    return tokenizer


def check_folder(folder: Path) -> None:
    """Whether the weights of a checkpoint folder are there, safe to read and whole, by their headers.

    Raises:
        MathbError: they are not, or hold far fewer layers than the configuration tells of, which would be made up one
            by one; the sentence names the file.
    """
    held = 0
    files = sorted(filter(Path.is_file, folder.glob("*.safetensors")))
    if not files:
        raise no_safe_weights(folder)
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as stream:
            first = stream.read(8)
            length = int.from_bytes(first, "little")
            if first.startswith(b"version "):
                raise MathbError(f"{file} is a Git LFS pointer, not the weights; run git lfs pull in {folder}.")
            if size < 8 or length > size - 8:
                raise MathbError(f"{file} is cut short or no safetensors file ({size:,} bytes); fetch it again.")
            try:
                header = parse_json(stream.read(length))
                held = max([held, *(int(layer[1]) + 1 for name in header if (layer := _LAYER.search(name)))])
                end = max(
                    (told["data_offsets"][1] for name, told in header.items() if name != "__metadata__"), default=0
                )
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise MathbError(
                    f"{file} is no safetensors file (its header cannot be read); fetch it again."
                ) from error
        if 8 + length + end != size:
            raise MathbError(
                f"{file} is cut short: its header tells of {8 + length + end:,} bytes, it has {size:,}; fetch it again."
            )
    told = read_json(folder / "config.json").get("num_hidden_layers")
    if held and isinstance(told, int) and told > _LAYERS_AT_MOST * held:
        raise MathbError(
            f"{folder / 'config.json'} tells of {told:,} layers, and the weights hold {held:,}; they do not belong "
            "together: fetch both again."
        )


def _adapted(network: PreTrainedModel, folder: Path) -> PreTrainedModel:
    need("models", f"Applying the adapter {folder}", "peft")
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(network, folder).eval()
    # What an adapter adds is often smaller than the rounding of a 16-bit weight, so there it is computed beside it.
    return adapted.merge_and_unload() if network.dtype.itemsize > 2 else adapted.get_base_model()


def _check_finite(model: Model, network: PreTrainedModel) -> None:
    import torch

    for name, parameter in network.named_parameters():
        if parameter.is_floating_point() and not torch.isfinite(parameter.detach().sum(dtype=torch.float32)):
            raise MathbError(
                f"Model {model.name!r} has weights that are no numbers (NaN or infinite, in {name}), so it can say "
                f"nothing; its training or its copy went wrong: take an earlier checkpoint than {model.source}."
            )


def _not_loaded(model: Model, what: str, error: Exception) -> MathbError:
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return MathbError(
            f"Model {model.name!r} from {model.source!r} brings code of its own, which is never run here; use a "
            "checkpoint of an architecture that transformers knows, or serve it elsewhere (--engine server)."
        )
    if (entry := hub_models().get(model.name)) and entry.package and not model.is_local:
        return MathbError(f"Model {model.name!r} is not on this machine; fetch it: mathb models fetch {model.name}")
    return MathbError(
        f"Model {model.name!r} could not be loaded: {what}{model.source!r}: {said.rstrip('.')}. Give a folder in "
        "Hugging Face format, or run where the model hub can be reached."
    )
