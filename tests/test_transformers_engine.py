"""The transformers engine on a random tiny Llama: right distribution, chunks independent of their neighbours."""

import threading

import numpy as np
import pytest
import torch
from scipy import stats
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.generation.logits_process import MinPLogitsWarper

from mathb_kit.miniature.tokenizer import build_tokenizer
from mathb_kit.models.model import Model, Sampling
from mathb_kit.sampling import shared_prefix
from mathb_kit.sampling.decoding import NetworkDecoding, read_prompts
from mathb_kit.sampling.engine import Chunk
from mathb_kit.sampling.shared_prefix import LlamaWeights, SharedPrefixDecoding, is_small_llama
from mathb_kit.sampling.transformers_engine import TransformersEngine, _filtered

PROMPTS = ["Compute $3+4$.\n", "Solve $2x+3=9$ for $x$.\n", "Compute $12 \\cdot 34$.\n", "Hm\n"]


def tiny_llama(tokenizer, **changes) -> LlamaForCausalLM:
    torch.manual_seed(0)
    settings = dict(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, tie_word_embeddings=True, initializer_range=0.3,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**settings | changes)).eval()


@pytest.fixture(scope="module", params=["shared prefix", "own forward"])
def loaded(request):
    """One network for each way of decoding: biases in attention keep the second out of `is_small_llama`."""
    tokenizer = build_tokenizer()
    network = tiny_llama(tokenizer, attention_bias=request.param == "own forward")
    network.load_state_dict(tiny_llama(tokenizer).state_dict(), strict=False)  # the biases stay 0
    assert is_small_llama(network) == (request.param == "shared prefix")
    return network, tokenizer


def engine(loaded, batch_rows=64, **sampling) -> TransformersEngine:
    return TransformersEngine(Model("tiny", "none", sampling=Sampling(**sampling)), batch_rows, "cpu", loaded)


def chunks(size=8, seeds=range(4)) -> list[Chunk]:
    return [Chunk(f"p{i}", PROMPTS[i % len(PROMPTS)], 0, size, 1000 + seed) for i, seed in enumerate(seeds)]


def texts(engine, chunks) -> dict[str, list]:
    return {chunk.problem_key: completions for chunk, completions in engine.sample(chunks)}


def test_a_chunk_says_the_same_whatever_its_neighbours_and_the_batch_size(loaded):
    together = texts(engine(loaded, batch_rows=64, max_tokens=100), chunks())
    apart = {}
    for chunk in reversed(chunks()):
        apart |= texts(engine(loaded, batch_rows=8, max_tokens=100), [chunk])
    assert together == apart


def test_greedy_decoding_equals_generate_with_padding_and_dropped_rows(loaded):
    network, tokenizer = loaded
    ours = texts(engine(loaded, temperature=0.0, max_tokens=30), chunks(size=1))
    for i, prompt in enumerate(PROMPTS):
        ids = tokenizer([prompt], return_tensors="pt")["input_ids"]
        theirs = network.generate(ids, do_sample=False, max_new_tokens=30)[0, ids.shape[1] :]
        assert ours[f"p{i}"][0].text == tokenizer.decode([t for t in theirs if t != tokenizer.eos_token_id])


def test_first_tokens_follow_the_models_own_distribution(loaded):
    network, tokenizer = loaded
    prompt = PROMPTS[0]
    sampled = engine(loaded, batch_rows=4096, max_tokens=1)
    counts = np.zeros(len(tokenizer))
    wanted = [Chunk(str(seed), prompt, 0, 64, seed) for seed in range(256)]
    for _, rows, _ in sampled.sample_tokens(wanted):
        for row in rows:
            counts[row[0]] += 1
    with torch.no_grad():
        logits = network(torch.tensor([tokenizer(prompt)["input_ids"]])).logits[0, -1]
    expected = torch.softmax(logits.double(), -1).numpy() * counts.sum()
    order = np.argsort(expected)[::-1]
    big = order[expected[order] >= 5]
    rest = np.setdiff1d(order, big)
    observed = np.append(counts[big], counts[rest].sum())
    assert stats.chisquare(observed, np.append(expected[big], expected[rest].sum())).pvalue > 1e-4


@pytest.mark.parametrize(
    ("settings", "warper"),
    [
        (Sampling(top_k=5), TopKLogitsWarper(5)),
        (Sampling(top_p=0.7), TopPLogitsWarper(0.7)),
        (Sampling(min_p=0.2), MinPLogitsWarper(0.2)),
    ],
)
def test_filters_keep_the_tokens_that_transformers_own_warpers_keep(settings, warper):
    logits = torch.randn(50, 40, generator=torch.Generator().manual_seed(1)) * 2
    ours = _filtered(torch.softmax(logits, -1), settings)
    theirs = torch.softmax(warper(None, logits), -1)
    torch.testing.assert_close(ours / ours.sum(-1, keepdim=True), theirs)


def test_stop_strings_end_a_completion_and_are_cut_off(loaded):
    free = texts(engine(loaded, max_tokens=60), chunks(size=16))
    letters = "".join(c.text for completions in free.values() for c in completions)
    stop = max(set(letters), key=letters.count)
    stopped = texts(engine(loaded, max_tokens=60, stop=(stop,)), chunks(size=16))
    for key, completions in stopped.items():
        for before, after in zip(free[key], completions):
            assert stop not in after.text
            assert after.text == before.text.split(stop)[0]
            assert after.finish == ("stop" if stop in before.text else before.finish)


def test_a_stop_string_of_several_bytes_a_character_is_found(loaded):
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    by_byte = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    rows = np.array([by_byte("x = 7。")["input_ids"], by_byte("x = 7 ok")["input_ids"]])
    sampler = engine(loaded)
    sampler.tokenizer = by_byte
    assert sampler._has_stop(rows, ("。",)).tolist() == [True, False]


def test_token_counts_include_the_end_token_and_length_marks_the_limit(loaded):
    _, tokenizer = loaded
    for completions in texts(engine(loaded, max_tokens=40), chunks(size=32)).values():
        for completion in completions:
            tokens = len(tokenizer(completion.text, add_special_tokens=False)["input_ids"])
            assert completion.finish in ("stop", "length")
            assert completion.tokens == tokens + (completion.finish == "stop")
            assert completion.finish == "stop" or completion.tokens == 40


@pytest.mark.parametrize("shape", [{}, {"num_attention_heads": 8, "num_key_value_heads": 2, "num_hidden_layers": 3}])
def test_shared_prefix_decoding_gives_the_networks_own_logits(shape):
    network = tiny_llama(build_tokenizer(), tie_word_embeddings=False, **shape)
    random = np.random.default_rng(1)
    with torch.inference_mode():
        for name, weight in network.named_parameters():
            if "norm" in name:  # 1 by default: would not show whether they are used
                weight.uniform_(0.5, 1.5)
        prompts = [random.integers(3, 90, length).tolist() for length in (5, 5, 9, 1)]
        prompt_of = torch.tensor([0, 0, 0, 1, 2, 2, 3])
        theirs = NetworkDecoding(network, read_prompts(network, prompts, 0), prompt_of)
        ours = SharedPrefixDecoding(LlamaWeights(network), read_prompts(network, prompts, 0), prompt_of)
        rows = len(prompt_of)
        for step in range(80):  # beyond the first two buffers
            if step in (3, 40, 64):
                kept = torch.from_numpy(np.delete(np.arange(rows), 1))  # prompt 1 has no row left in the end
                rows -= 1
                theirs.keep(kept)
                ours.keep(kept)
            tokens = torch.from_numpy(random.integers(3, 90, rows))
            torch.testing.assert_close(ours.step(tokens), theirs.step(tokens), rtol=1e-4, atol=1e-4)


def test_completions_are_those_of_the_networks_own_forward(monkeypatch):
    loaded = tiny_llama(build_tokenizer()), build_tokenizer()
    ours = texts(engine(loaded, max_tokens=100), chunks())
    monkeypatch.setattr(shared_prefix, "is_small_llama", lambda network: False)
    assert texts(engine(loaded, max_tokens=100), chunks()) == ours


def test_completions_do_not_hang_on_the_number_of_threads_nor_on_the_order_of_chunks(loaded):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = texts(engine(loaded, batch_rows=16, max_tokens=40), chunks(seeds=range(20)))
        torch.set_num_threads(3)
        three = texts(engine(loaded, batch_rows=16, max_tokens=40), reversed(chunks(seeds=range(20))))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert one == three


def test_a_changed_network_is_sampled_as_it_is_now(loaded):
    network, tokenizer = loaded
    old = texts(engine(loaded, max_tokens=20), chunks())
    kept = engine(loaded, max_tokens=20)
    texts(kept, chunks())
    weight = network.model.layers[1].mlp.down_proj.weight
    with torch.no_grad():
        weight.neg_()
    try:
        new = texts(kept, chunks())
        assert new == texts(engine(loaded, max_tokens=20), chunks())
        assert new != old
    finally:
        with torch.no_grad():
            weight.neg_()


def test_an_error_in_a_thread_is_raised_and_an_abandoned_call_leaves_no_thread(loaded, monkeypatch):
    threads, running = torch.get_num_threads(), threading.active_count()
    results = engine(loaded, batch_rows=8, max_tokens=40).sample(chunks(seeds=range(20)))
    next(results)
    results.close()
    broken = engine(loaded, batch_rows=8, max_tokens=40, stop=("x",))
    monkeypatch.setattr(broken, "_has_stop", lambda tokens, stop: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        texts(broken, chunks())
    assert (torch.get_num_threads(), threading.active_count()) == (threads, running)
