"""What a Llama, Qwen2 or Qwen3 computes in one step of decoding, without its attention over what went before.

`FusedLlama` multiplies and joins copies of a small network's matrices; `NetworkLayers` calls a network's own modules,
of any size, on any device, and copies nothing.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM, Qwen3ForCausalLM

from mathb_kit.models.adapters import is_adapted

# Parameters up to which nobody minds a second copy of the weights.
_SMALL = 10_000_000
_FAMILIES = (LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
_ROPES = ("default", "llama3", "linear")  # those whose turns do not hang on the length of the text


class Weights(Protocol):
    """One token of every row through the layers: states have the shape (rows, hidden size).

    Attributes:
        heads, kv_heads, size: of attention, ``size`` that of one head.
        layers: their number.
        order: of a head's coordinates in queries and keys, or None for the network's own.
        dtype, device: of keys and values.
    """

    heads: int
    kv_heads: int
    size: int
    layers: int
    order: torch.Tensor | None
    dtype: torch.dtype
    device: torch.device

    def embed(self, tokens: torch.Tensor) -> torch.Tensor: ...

    def turn(self, positions: torch.Tensor) -> object:
        """What rotates the heads at these positions, shape (rows,)."""
        ...

    def into_attention(self, layer: int, state: torch.Tensor, turn: object) -> torch.Tensor:
        """Rotated and scaled queries, rotated keys, values: shape (rows, heads + 2 x kv heads, head size)."""
        ...

    def after_attention(self, layer: int, state: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """The layer's state from what its heads attended to, shape (rows, heads x head size)."""
        ...

    def logits(self, state: torch.Tensor) -> torch.Tensor:
        """Shape (rows, vocabulary)."""
        ...


def is_small(network: PreTrainedModel) -> bool:
    """Whether starting operations costs this network more time than the numbers do."""
    return network.num_parameters() <= _SMALL


def is_small_llama(network: PreTrainedModel) -> bool:
    """Whether `FusedLlama` can stand for this network."""
    config = network.config
    return (
        type(network) is LlamaForCausalLM
        and (network.device.type, network.dtype) == ("cpu", torch.float32)
        and is_small(network)
        and not is_adapted(network)  # its matrices are not the whole of its layers
        and config.hidden_act == "silu"
        and not (config.attention_bias or config.mlp_bias)
        and network.model.rotary_emb.rope_type == "default"
    )


def shares_prefixes(network: PreTrainedModel) -> bool:
    """Whether `NetworkLayers` can stand for this network: known layers, full attention, rotations fixed by position."""
    return (
        type(network) in _FAMILIES
        and network.model.rotary_emb.rope_type in _ROPES
        and set(getattr(network.config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
    )


class FusedLlama:
    """The matrices of a small network as it is now, with the norms' weights and the attention's scale multiplied in.

    Rotary position turns coordinate i of a head together with i + size / 2; here such pairs stand side by side
    (``order``), so that they can be turned as complex numbers.
    """

    @torch.inference_mode()
    def __init__(self, network: LlamaForCausalLM) -> None:
        config, body = network.config, network.model
        self.dtype, self.device = network.dtype, network.device
        self.size = size = body.layers[0].self_attn.head_dim
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.order = torch.arange(size).view(2, size // 2).T.flatten()
        self._norm = {"normalized_shape": (config.hidden_size,), "eps": config.rms_norm_eps}
        self._frequencies = body.rotary_emb.inv_freq.float()
        self._embedding = body.embed_tokens.weight
        self._head = network.lm_head.weight * body.norm.weight
        # A network this small spends its time on starting operations, not on numbers. A norm's weight scales columns of
        # the matrix that follows and the attention's scale those of the queries, so both go into the matrices, once.
        self._matrices = []
        for layer in body.layers:
            attention, mlp = layer.self_attn, layer.mlp
            query, key = (p.weight.unflatten(0, (-1, size)) for p in (attention.q_proj, attention.k_proj))
            query, key = query[:, self.order].flatten(0, 1) * size**-0.5, key[:, self.order].flatten(0, 1)
            into_attention = torch.cat([query, key, attention.v_proj.weight]) * layer.input_layernorm.weight
            into_mlp = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]) * layer.post_attention_layernorm.weight
            self._matrices.append((into_attention, attention.o_proj.weight.T, into_mlp, mlp.down_proj.weight.T))
        self.layers = len(self._matrices)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        return self._embedding.index_select(0, tokens)

    def turn(self, positions: torch.Tensor) -> torch.Tensor:
        angles = positions[:, None] * self._frequencies
        return torch.polar(torch.ones_like(angles), angles)[:, None]

    def into_attention(self, layer: int, state: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        heads, kv_heads = self.heads, self.kv_heads
        qkv = F.linear(F.rms_norm(state, **self._norm), self._matrices[layer][0])
        qkv = qkv.view(len(state), heads + 2 * kv_heads, self.size)
        torch.view_as_complex(qkv[:, : heads + kv_heads].unflatten(-1, (-1, 2))).mul_(turn)
        return qkv

    def after_attention(self, layer: int, state: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        _, out_of_attention, into_mlp, out_of_mlp = self._matrices[layer]
        state = torch.addmm(state, attended, out_of_attention)
        gate, up = F.linear(F.rms_norm(state, **self._norm), into_mlp).chunk(2, -1)
        return torch.addmm(state, F.silu(gate) * up, out_of_mlp)

    def logits(self, state: torch.Tensor) -> torch.Tensor:
        return F.linear(F.rms_norm(state, **self._norm), self._head)


class NetworkLayers:
    """A network's own modules, whatever they are made of (biases, norms of queries and keys, adapters)."""

    order = None

    def __init__(self, network: PreTrainedModel) -> None:
        config, body = network.config, network.model
        self.dtype, self.device = network.dtype, network.device
        self.size = body.layers[0].self_attn.head_dim
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.layers = len(body.layers)
        self._body, self._head = body, network.lm_head

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        return self._body.embed_tokens(tokens)

    def turn(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        like = torch.empty(0, dtype=self.dtype, device=self.device)
        cosines, sines = (part[0][:, None] for part in self._body.rotary_emb(like, positions[None]))
        half = self.size // 2  # the second half of the cosines is the first again
        return cosines, torch.cat([-sines[..., :half], sines[..., half:]], -1)

    def into_attention(self, layer: int, state: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        block = self._body.layers[layer]
        attention, shape, (cosines, sines) = block.self_attn, (len(state), -1, self.size), turn
        state = _rms_norm(block.input_layernorm, state)
        queries, keys = attention.q_proj(state).view(shape), attention.k_proj(state).view(shape)
        if hasattr(attention, "q_norm"):
            queries, keys = _rms_norm(attention.q_norm, queries), _rms_norm(attention.k_norm, keys)
        turned = torch.cat([queries, keys], 1)
        turned = turned * cosines + turned.roll(self.size // 2, -1) * sines
        turned[:, : self.heads] *= attention.scaling
        return torch.cat([turned, attention.v_proj(state).view(shape)], 1)

    def after_attention(self, layer: int, state: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        block = self._body.layers[layer]
        state = state + block.self_attn.o_proj(attended)
        return state + block.mlp(_rms_norm(block.post_attention_layernorm, state))

    def logits(self, state: torch.Tensor) -> torch.Tensor:
        return self._head(_rms_norm(self._body.norm, state))


def _rms_norm(norm: torch.nn.Module, state: torch.Tensor) -> torch.Tensor:
    """transformers' module in one call."""
    return F.rms_norm(state, norm.weight.shape, norm.weight, norm.variance_epsilon)
