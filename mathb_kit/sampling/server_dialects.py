"""What a server must be told beyond OpenAI's fields so that it samples as the model's settings say, and nothing else.

What a request leaves out a server takes from elsewhere: vLLM and SGLang from the checkpoint's generation_config.json
(top_k, a repetition penalty), llama.cpp and its Python binding from defaults of their own (top_k 40, min_p 0.05, in the
binding a repeat penalty of 1.1). Their owners are known by what the list of models says in ``owned_by``.
"""

from __future__ import annotations

from typing import Any

from mathb_kit.models.model import Model, Sampling

_VLLM = {"vllm", "sglang"}
_LLAMA_CPP, _LLAMA_CPP_PYTHON = "llamacpp", "me"
_SEEDS = 2**31  # llama.cpp keeps 32 bits of a seed


def spoken_out(owner: str | None, model: Model) -> dict[str, Any]:
    """Fields of a request beyond OpenAI's own; of a server nobody knows only those in use, as it may refuse them."""
    settings = model.sampling
    if owner in _VLLM:
        fields = {"top_k": settings.top_k or -1, "min_p": settings.min_p, "repetition_penalty": 1.0}
        fields["skip_special_tokens"] = False
        if model.ends:  # a server that was told to pass over generation_config.json knows the tokenizer's end alone
            fields["stop_token_ids"] = list(model.ends)
        return fields | ({"return_token_ids": True} if owner == "vllm" else {})
    if is_llama_cpp(owner):
        # Its own order has the temperature last: top_p would cut another distribution than everywhere else.
        order = ["temperature", "top_k", "top_p", "min_p"]
        return {"top_k": settings.top_k, "min_p": settings.min_p, "repeat_penalty": 1.0, "samplers": order}
    return {name: value for name in ("top_k", "min_p") if (value := getattr(settings, name))}


def is_llama_cpp(owner: str | None) -> bool:
    """Whether it is llama.cpp's server or that of its Python binding, which take one completion a request."""
    return owner in (_LLAMA_CPP, _LLAMA_CPP_PYTHON)


def seed_for(owner: str | None, seed: int) -> int:
    """The seed as the server can hold it."""
    return seed % _SEEDS if is_llama_cpp(owner) else seed


def doubts(owner: str | None, settings: Sampling) -> list[str]:
    """What a server cannot be told, as clauses; mostly none."""
    cut = settings.top_p < 1 or settings.min_p > 0
    if owner == _LLAMA_CPP_PYTHON and cut and settings.temperature not in (0, 1):
        return [
            "llama-cpp-python cuts by top_p and min_p before it applies the temperature, other engines after it: this "
            f"is another distribution than temperature {settings.temperature:g} and top_p {settings.top_p:g} mean "
            "elsewhere (ask at temperature 1 or top_p 1, or take llama.cpp's own server)"
        ]
    return []
