"""Tiny real checkpoints, written in the form that a test asks for: folders, GGUF files, adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from mathb_kit.miniature.tokenizer import build_tokenizer

# Writes the begin token itself, as many templates do.
CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
THINKING_CHAT = CHAT + "{% if false %}<think>{% endif %}"
GENERATION = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "eos_token_id": [2, 5]}


def network(vocabulary: int = 110, seed: int = 0, **changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    settings = sizes | {"num_key_value_heads": 2, "vocab_size": vocabulary, "max_position_embeddings": 4096} | changes
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": False}
    made = LlamaForCausalLM(LlamaConfig(**{**tokens, **settings}))
    return made.eval()


def write_folder(
    folder: Path,
    template: str | None = None,
    generation: dict[str, Any] | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    **config: Any,
) -> Path:
    """A checkpoint folder; ``config`` goes on top of its config.json."""
    tokenizer = tokenizer or build_tokenizer()
    tokenizer.chat_template = template
    network().to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(generation or {}))
    edit(folder / "config.json", **config)
    return folder


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def write_gguf(
    file: Path,
    template: str | None = CHAT,
    add_bos: bool | None = True,
    pre: str = "smollm",
    made: LlamaForCausalLM | None = None,
) -> LlamaForCausalLM:
    """A GGUF file of a tiny Llama with a byte-level vocabulary; returns the network that it holds."""
    from gguf import GGUFWriter, TokenType
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    specials = ["<unk>", "<s>", "<|im_end|>", "<|im_start|>", "<|endoftext|>"]
    merges = ["\u010a \u010a", "1 2", "a b"]  # two newlines; two digits, which a split by digits never joins
    tokens = [*specials, *sorted(bytes_to_unicode().values()), *(merge.replace(" ", "") for merge in merges)]
    kinds = [TokenType.CONTROL] * len(specials) + [TokenType.NORMAL] * (len(tokens) - len(specials))
    made = made or network(len(tokens))
    config = made.config
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if add_bos is not None:
        writer.add_add_bos_token(add_bos)
    if template:
        writer.add_chat_template(template)
    for name, tensor in made.state_dict().items():
        writer.add_tensor(_gguf_name(name), _gguf_order(name, tensor.float().numpy(), config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def _gguf_name(name: str) -> str:
    whole = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    parts = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    if name in whole:
        return whole[name]
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{parts[part]}.weight"


def _gguf_order(name: str, tensor: np.ndarray, config: LlamaConfig) -> np.ndarray:
    """llama.cpp pairs neighbouring rows of a head in its rotary embedding, where transformers pairs halves."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for part, count in heads.items():
        if part in name:
            rows, columns = tensor.shape
            tensor = tensor.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    return np.ascontiguousarray(tensor)


def write_adapter(folder: Path, base: str, seed: int = 1) -> None:
    """A LoRA adapter on the query projections of the first layer of a tiny checkpoint, far from zero."""
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(r=2, lora_alpha=4, target_modules=r".*layers\.0\.self_attn\.q_proj", task_type="CAUSAL_LM")
    tuned = get_peft_model(network(), settings)
    torch.manual_seed(seed)
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    tuned.save_pretrained(folder)
    edit(folder / "adapter_config.json", base_model_name_or_path=base)
