"""Vectors of statements from a small transformer: whatever folder or hub id sentence-transformers would load.

Only the common recipe is known (a transformer, mean or first-token pooling, perhaps unit length), which is that of the
model families that papers on contamination use. A folder that asks for more is refused rather than read otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mathb_kit.errors import MathbError
from mathb_kit.models.model import no_safe_weights
from mathb_kit.progress import progress, without_weight_bars
from mathb_kit.settings import parse_json

_BATCH = 64
_KNOWN = ("Transformer", "Pooling", "Normalize")

Embed = Callable[[Sequence[str]], np.ndarray]


def embedder(source: str | Path, revision: str | None = None) -> Embed:
    """What turns statements into vectors of unit length, an array (statements, dimensions) of float32.

    Args:
        source: a folder with ``config.json``, ``model.safetensors`` and a tokenizer, as sentence-transformers writes
            it or without its files (then the mean over tokens is taken), or a hub id.
        revision: of the hub.

    Raises:
        MathbError: files that are missing, damaged or not to be trusted, a recipe that is not known, or a hub that
            cannot be reached.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    source = str(source)
    if (folder := Path(source)).is_dir() and not any(folder.glob("*.safetensors")):
        raise no_safe_weights(folder)
    trusted: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    try:
        takes_first = _takes_first(source, revision)
        with without_weight_bars():
            network = AutoModel.from_pretrained(source, dtype=torch.float32, use_safetensors=True, **trusted)
        tokenizer = AutoTokenizer.from_pretrained(source, **trusted)
        longest = _setting(source, revision, "sentence_bert_config.json").get("max_seq_length")
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        said = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise MathbError(
            f"The embedding model {source!r} cannot be loaded ({said}); name a folder with config.json, "
            "model.safetensors and tokenizer.json, or a hub id."
        ) from error
    limits = (longest, tokenizer.model_max_length, getattr(network.config, "max_position_embeddings", None))
    most = min(limit for limit in limits if isinstance(limit, int) and limit > 0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).eval()

    def embed(statements: Sequence[str]) -> np.ndarray:
        vectors = np.empty((len(statements), network.config.hidden_size), dtype=np.float32)
        order = sorted(range(len(statements)), key=lambda number: len(statements[number]))  # little padding
        with torch.inference_mode(), progress(len(order), "embedding", "statements") as bar:
            for start in range(0, len(order), _BATCH):
                part = order[start : start + _BATCH]
                texts = [statements[number] for number in part]
                tokens = tokenizer(texts, padding=True, truncation=True, max_length=most, return_tensors="pt")
                tokens = tokens.to(device)
                states = network(**tokens).last_hidden_state
                mask = tokens["attention_mask"].unsqueeze(-1)
                pooled = states[:, 0] if takes_first else (states * mask).sum(1) / mask.sum(1).clamp(min=1)
                vectors[part] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
                bar.update(len(part))
        return vectors

    return embed


def _takes_first(source: str, revision: str | None) -> bool:
    """Whether the vector is that of the first token rather than the mean over all."""
    modules = _setting(source, revision, "modules.json") or []
    names = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if unknown := [name for name in names if name not in _KNOWN]:
        raise ValueError(f"its part {unknown[0]} is none of {', '.join(_KNOWN)}")
    place = next((module["path"] for module, name in zip(modules, names) if name == "Pooling"), None)
    chosen = _setting(source, revision, f"{place}/config.json") if place else {}
    modes = {name for name, is_on in chosen.items() if name.startswith("pooling_mode_") and is_on is True}
    if modes - {"pooling_mode_mean_tokens", "pooling_mode_cls_token"} or len(modes) > 1:
        raise ValueError(f"its pooling ({', '.join(sorted(modes))}) is neither the mean nor the first token")
    return modes == {"pooling_mode_cls_token"}


def _setting(source: str, revision: str | None, name: str) -> Any:
    """A JSON file of the repository; an empty table where there is none."""
    from transformers.utils import cached_file

    path = cached_file(source, name, revision=revision, _raise_exceptions_for_missing_entries=False)
    return parse_json(Path(path).read_bytes()) if path else {}
