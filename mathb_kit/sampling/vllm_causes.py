"""Why vLLM did not start, out of what it said, with the remedy: its own last words often point to others."""

from __future__ import annotations

import re

# What a process says when another one died, and what we say when one did.
_POINTS_ELSEWHERE = re.compile("EngineDead|Engine core init|engine process died|WorkerProc init|killed by|exit status")

# (what vLLM or torch says, our sentence), the first that fits holds. Groups of the pattern fill the sentence.
_CAUSES = [
    (
        r"unexpected keyword argument '(\w+)'",
        "vLLM knows no engine argument {0!r}; correct or leave out -E {0}=...",
    ),
    (
        r"User-specified max_model_len \((\d+)\) is greater than the derived max_model_len \(\w+=(\d+)",
        "max_model_len={0} is more than the {1} tokens of the model's own context; ask for less by -E max_model_len=...",  # noqa: E501
    ),
    (
        r"max seq len \((\d+)\),? \(?([\d.]+ GiB) KV cache is needed, which is larger than the available KV cache memory "  # noqa: E501
        r"\(([\d.]+ GiB)\)(?:.*?estimated maximum model length is (\d+))?",
        "memory is left for {2} of KV cache, and one sequence of {0} tokens needs {1}; ask for a shorter context by "
        "-E max_model_len={3}, or give vLLM more memory by -E gpu_memory_utilization=...",
    ),
    (
        r"No available memory for the cache blocks",
        "the weights leave no memory for the KV cache; give vLLM more by -E gpu_memory_utilization=0.95, share the model "  # noqa: E501
        "between GPUs by -E tensor_parallel=2, or take a smaller model",
    ),
    (
        r"Free memory on device[^(]*\(([\d.]+)/([\d.]+) GiB\) on startup is less than desired GPU memory utilization "
        r"\(([\d.]+)",
        "{0} of {1} GiB of the GPU are free and vLLM wants a share of {2}; end what else runs there (nvidia-smi), or ask "  # noqa: E501
        "for less by -E gpu_memory_utilization=0.6",
    ),
    (
        r"Available memory on node \S+ \(([\d.]+)/([\d.]+) GiB\) on startup is less than desired CPU memory utilization "  # noqa: E501
        r"\(([\d.]+)",
        "{0} of {1} GiB of this machine's memory are free and vLLM wants a share of {2}; ask for less by "
        "-E gpu_memory_utilization=0.4 (it means main memory in a build for CPUs)",
    ),
    (
        r"(?:CUDA|HIP) out of memory|OutOfMemoryError",
        "the GPU's memory is too small for the weights and this batch; ask for less by -E max_model_len=4096, "
        "-E max_num_seqs=64 or -E gpu_memory_utilization=0.8, or share the model between GPUs by -E tensor_parallel=2",
    ),
    (
        r"Model architectures \[([^\]]*)\] are not supported|model type `([^`]*)` but Transformers does not recognize",
        "this vLLM does not know the model's architecture ({0}); take a newer vLLM, or --engine transformers",
    ),
    (
        r"Invalid repository ID or local directory specified: '([^']*)'|(\S+) is not a local folder and is not a valid "
        r"model identifier|Repository Not Found for url: (\S+)",
        "there is no model {0!r} that vLLM can reach; correct the name, fetch it first, or name its folder",
    ),
    (
        r"Total number of attention heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)",
        "{1} GPUs cannot share the model's {0} attention heads evenly; choose another -E tensor_parallel=...",
    ),
    (
        r"Tensor parallel size \((\d+)\) cannot be larger than the number of available GPUs \((\d+)\)"
        r"|World size \((\d+)\) is larger than the number of available GPUs \((\d+)\)",
        "tensor_parallel={0} asks for more GPUs than the {1} that are here; ask for fewer",
    ),
    (
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|Torch not compiled with CUDA|"
        r"CUDA driver version is insufficient|libcuda\.so\S* (?:cannot|not)",
        "no GPU is to be seen from here (nvidia-smi and CUDA_VISIBLE_DEVICES tell), or its driver is older than this "
        "vLLM asks for; use --engine transformers, or an environment with vLLM's build for CPUs",
    ),
    (
        r"LoRA rank (\d+) is greater than max_lora_rank",
        "the adapter has rank {0}; allow it by -E max_lora_rank={0}",
    ),
    (
        r"(\w+) does not support LoRA",
        "vLLM applies no adapters to models of the kind {0}; use --engine transformers",
    ),
    (
        r"Bfloat16 is only supported on GPUs with compute capability",
        "this GPU cannot compute in bfloat16; ask for --dtype float16",
    ),
]  # fmt: skip


def root_cause(error: str, log: str) -> str:
    """One clause for why vLLM failed: ours where the words are known, else its own last error.

    Args:
        error: what the process said when it ended.
        log: everything that vLLM and its children wrote.
    """
    said = f"{error}\n{log}"
    for pattern, sentence in _CAUSES:
        if match := re.search(pattern, said, re.DOTALL):
            words = [word for word in match.groups() if word is not None]
            return sentence.format(*[word.strip("'") for word in words], *["..."] * 4)
    cause = " ".join(error.split())[:300]
    if (last := _last_error(log)) and _POINTS_ELSEWHERE.search(cause):
        cause = f"{cause}; {last}"
    return cause


def _last_error(log: str) -> str | None:
    """The last error in the log that does not just point to another one."""
    errors = re.findall(r"\b((?:\w+\.)*\w*(?:Error|Exception): .*\S)", log)
    return next((error for error in reversed(errors) if not _POINTS_ELSEWHERE.search(error)), None)
