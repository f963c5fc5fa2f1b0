"""How many rows fit into memory at once, and what running out of it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SHARE = 0.6  # of what is free: the rest is for other programs, activations and pieces that no longer fit together


def rows_that_fit(network: PreTrainedModel, places: int, workers: int, copies: int = 1) -> int:
    """Rows for which keys and values of ``places`` tokens and the tables over the vocabulary fit; at least 1.

    Args:
        network: where its weights are now; they count as taken.
        places: tokens that a row itself keeps.
        workers: batches side by side.
        copies: of all keys and values, at the worst moment.
    """
    config = network.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cache = 2 * config.num_hidden_layers * heads * size * network.dtype.itemsize * places * copies
    # Logits, probabilities in single precision, and twice that where a filter falls back to a full sort of some rows.
    tables = config.vocab_size * (network.dtype.itemsize + 3 * torch.float32.itemsize)
    return max(1, int(_SHARE * free_bytes(network.device) / workers / (cache + tables)))


def free_bytes(device: torch.device) -> float:
    """Memory that can still be taken; infinite where the system does not say."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    numbers = [float("inf")]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        numbers += [1024.0 * int(line.split()[1]) for line in meminfo.open() if line.startswith("MemAvailable:")]
    limit, used = (Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory.current"))
    if limit.is_file() and used.is_file() and (most := limit.read_text().strip()) != "max":
        numbers.append(float(most) - float(used.read_text()))  # a container's own limit
    return min(numbers)


def is_out_of_memory(error: BaseException) -> bool:
    """torch raises a class of its own on a GPU, and a plain RuntimeError on the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED"))
