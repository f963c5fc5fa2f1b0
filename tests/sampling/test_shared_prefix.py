"""Decoding on shared prompts gives the network's own logits, for every architecture that it claims to know."""

from weakref import WeakSet

import numpy as np
import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from mathb_kit.sampling import decoding
from mathb_kit.sampling.decoding import NetworkDecoding, read_prompts
from mathb_kit.sampling.shared_prefix import SharedPrefixDecoding
from mathb_kit.sampling.weights import FusedLlama, NetworkLayers, is_small_llama, shares_prefixes

FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
SHAPES = [
    ("llama", {}),
    ("llama", {"num_attention_heads": 8, "num_key_value_heads": 2, "num_hidden_layers": 3}),
    ("llama", {"rope_parameters": LLAMA3, "num_key_value_heads": 4}),
    ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 100.0, "factor": 2.0}}),
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}),
    ("qwen2", {"tie_word_embeddings": True}),
    ("qwen2", {"num_attention_heads": 6, "num_key_value_heads": 1, "hidden_size": 48}),
    ("qwen3", {"head_dim": 24, "tie_word_embeddings": True}),
    ("qwen3", {"head_dim": 8, "num_key_value_heads": 4, "attention_bias": True}),
]


def tiny(family: str, **shape):
    torch.manual_seed(0)
    settings = dict(
        vocab_size=90, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.3, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    config, network = FAMILIES[family]
    network = network(config(**settings | shape)).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "norm" in name:  # 1 by default: would not show whether they are used
                weight.uniform_(0.5, 1.5)
            elif "bias" in name:  # 0 by default
                weight.uniform_(-0.5, 0.5)
    return network


def compare(network, weights, tolerance: float, steps: int = 80) -> None:
    """Ours beside the network's own forward over ``steps`` tokens while rows end."""
    random = np.random.default_rng(1)
    prompts = [random.integers(3, 90, length).tolist() for length in (5, 5, 9, 1)]
    prompt_of = torch.tensor([0, 0, 0, 1, 2, 2, 3], device=network.device)
    with torch.inference_mode():
        theirs = NetworkDecoding(network, read_prompts(network, prompts, 0), prompt_of)
        ours = SharedPrefixDecoding(weights, read_prompts(network, prompts, 0), prompt_of)
        rows = len(prompt_of)
        for step in range(steps):  # beyond the first two buffers
            if step in (3, 40, 64):
                kept = torch.from_numpy(np.delete(np.arange(rows), 1)).to(network.device)
                rows -= 1  # prompt 1 has no row left in the end
                theirs.keep(kept)
                ours.keep(kept)
            tokens = torch.from_numpy(random.integers(3, 90, rows)).to(network.device)
            torch.testing.assert_close(
                ours.step(tokens).float(), theirs.step(tokens).float(), rtol=tolerance, atol=tolerance
            )


@pytest.mark.parametrize(("family", "shape"), SHAPES)
def test_layer_by_layer_gives_the_networks_own_logits(family, shape):
    network = tiny(family, **shape)
    assert shares_prefixes(network)
    compare(network, NetworkLayers(network), 1e-4)


@pytest.mark.parametrize(("family", "shape"), SHAPES[:2])
def test_fused_matrices_give_the_networks_own_logits(family, shape):
    network = tiny(family, **shape)
    assert is_small_llama(network)
    compare(network, FusedLlama(network), 1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_bfloat16_it_is_as_close_to_single_precision_as_the_network_itself(family):
    network = tiny(family, initializer_range=0.1)
    random = np.random.default_rng(3)
    prompts, prompt_of = [random.integers(3, 90, length).tolist() for length in (7, 4)], torch.tensor([0, 0, 1])
    tokens = [torch.from_numpy(random.integers(3, 90, 3)) for _ in range(40)]
    with torch.inference_mode():

        def logits(decode) -> torch.Tensor:
            return torch.stack([decode.step(step).float() for step in tokens])

        exact = logits(NetworkDecoding(network, read_prompts(network, prompts, 0), prompt_of))
        network.bfloat16()
        theirs = logits(NetworkDecoding(network, read_prompts(network, prompts, 0), prompt_of))
        ours = logits(SharedPrefixDecoding(NetworkLayers(network), read_prompts(network, prompts, 0), prompt_of))
    assert (ours - exact).square().mean().sqrt() < 1.5 * (theirs - exact).square().mean().sqrt()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("family", FAMILIES)
def test_on_a_gpu_it_gives_the_networks_own_logits(family):
    network = tiny(family).cuda()
    compare(network, NetworkLayers(network), 1e-3)


def test_networks_with_windows_or_rotations_by_length_go_their_own_way():
    assert not shares_prefixes(tiny("qwen2", use_sliding_window=True, sliding_window=4, max_window_layers=1))
    dynamic = {"rope_type": "dynamic", "rope_theta": 100.0, "factor": 2.0, "original_max_position_embeddings": 16}
    assert not shares_prefixes(tiny("llama", rope_parameters=dynamic))


def test_no_weight_of_a_network_is_copied():
    network = tiny("qwen2")
    held = {p.data_ptr() for p in network.parameters()}
    weights = NetworkLayers(network)
    assert not [v for v in vars(weights).values() if isinstance(v, torch.Tensor) and v.data_ptr() not in held]


def test_a_grown_or_thinned_cache_never_stands_twice_in_memory(monkeypatch):
    network, alive, most = tiny("llama", num_hidden_layers=6), WeakSet(), []
    with_room = SharedPrefixDecoding._with_room

    def counting(self, filled):
        alive.add(buffer := with_room(self, filled))
        most.append(len(alive))
        return buffer

    monkeypatch.setattr(SharedPrefixDecoding, "_with_room", counting)
    with torch.inference_mode():
        prompt_of = torch.zeros(8, dtype=torch.int64)
        ours = SharedPrefixDecoding(NetworkLayers(network), read_prompts(network, [[5, 6, 7]], 0), prompt_of)
        for _ in range(70):  # beyond the first two buffers
            ours.step(torch.full((8,), 9))
        ours.keep(torch.arange(4))
    assert len(most) == 4 * 6, "buffers are made, grown twice and thinned"
    assert max(most) == 6 + 1, "one layer's old and new buffer at a time"


def test_many_prompts_are_read_in_parts_with_the_same_result(monkeypatch):
    network, random = tiny("llama"), np.random.default_rng(4)
    prompts = [random.integers(3, 90, length).tolist() for length in (5, 9, 3, 8, 2)]
    with torch.inference_mode():
        whole = read_prompts(network, prompts, 0)
        monkeypatch.setattr(decoding, "_TOKENS_AT_ONCE", 20)
        parts = read_prompts(network, prompts, 0)
        torch.testing.assert_close(parts.logits, whole.logits)
        for ours, theirs in zip(parts.cache.layers, whole.cache.layers):
            seen = whole.mask.bool()
            for a, b in ((ours.keys, theirs.keys), (ours.values, theirs.values)):
                torch.testing.assert_close(a.transpose(1, 2)[seen], b.transpose(1, 2)[seen])
        rows = torch.tensor([0, 1, 2, 3, 4])
        ours, theirs = (NetworkDecoding(network, prefix, rows) for prefix in (parts, whole))
        for _ in range(3):
            tokens = torch.from_numpy(random.integers(3, 90, 5))
            torch.testing.assert_close(ours.step(tokens), theirs.step(tokens))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_16_bits_no_product_of_matrices_has_gaps_that_would_be_copied(dtype, monkeypatch):
    """oneDNN copies such matrices first; over a thousand tokens that took nine times as long as the products."""
    network = tiny("llama").to(dtype)
    seen = []

    def dense(matrix: torch.Tensor) -> bool:
        return matrix.is_contiguous() or matrix.mT.is_contiguous()

    def product(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        seen.append(dense(other))
        return multiply(one, other)

    multiply = torch.bmm
    monkeypatch.setattr(torch, "bmm", product)
    with torch.inference_mode():
        prefix = read_prompts(network, [[5, 6, 7]], 0)
        ours = SharedPrefixDecoding(NetworkLayers(network), prefix, torch.zeros(4, dtype=torch.int64))
        for _ in range(40):
            ours.step(torch.full((4,), 9))
    assert len(seen) == 40 * 2 * 4 and all(seen)
