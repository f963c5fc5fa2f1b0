"""The transformers engine on a random tiny Llama: right distribution, chunks independent of their neighbours."""

import threading

import numpy as np
import pytest
import torch
from scipy import stats
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mathb_kit.errors import MathbError
from mathb_kit.miniature.tokenizer import build_tokenizer
from mathb_kit.models.model import Model, Sampling
from mathb_kit.sampling import generation, weights
from mathb_kit.sampling.engine import Chunk
from mathb_kit.sampling.generation import StopStrings
from mathb_kit.sampling.transformers_engine import TransformersEngine
from mathb_kit.sampling.weights import is_small_llama, shares_prefixes

PROMPTS = ["Compute $3+4$.\n", "Solve $2x+3=9$ for $x$.\n", "Compute $12 \\cdot 34$.\n", "Hm\n"]


def tiny_llama(tokenizer, **changes) -> LlamaForCausalLM:
    torch.manual_seed(0)
    settings = dict(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, tie_word_embeddings=True, initializer_range=0.3,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**settings | changes)).eval()


class Unknown(LlamaForCausalLM):
    """The same layers under a name that `shares_prefixes` does not know."""


@pytest.fixture(scope="module", params=["fused", "layer by layer", "own forward"])
def loaded(request):
    """One network for each way of decoding: biases in attention, all 0, keep it out of `is_small_llama`."""
    tokenizer = build_tokenizer()
    network = tiny_llama(tokenizer, attention_bias=request.param != "fused")
    network.load_state_dict(tiny_llama(tokenizer).state_dict(), strict=False)
    if request.param == "own forward":
        network.__class__ = Unknown
    assert (is_small_llama(network), shares_prefixes(network)) == {
        "fused": (True, True), "layer by layer": (False, True), "own forward": (False, False),
    }[request.param]  # fmt: skip
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


def test_a_stop_string_of_several_bytes_a_character_is_found():
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    by_byte = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    rows = np.array([by_byte("x = 7。")["input_ids"], by_byte("x = 7 ok")["input_ids"]])
    assert StopStrings(by_byte, ("。",)).complete(rows).tolist() == [True, False]


def test_token_counts_include_the_end_token_and_length_marks_the_limit(loaded):
    _, tokenizer = loaded
    for completions in texts(engine(loaded, max_tokens=40), chunks(size=32)).values():
        for completion in completions:
            tokens = len(tokenizer(completion.text, add_special_tokens=False)["input_ids"])
            assert completion.finish in ("stop", "length")
            assert completion.tokens == tokens + (completion.finish == "stop")
            assert completion.finish == "stop" or completion.tokens == 40


def test_completions_are_those_of_the_networks_own_forward(monkeypatch):
    loaded = tiny_llama(build_tokenizer()), build_tokenizer()
    fused = texts(engine(loaded, max_tokens=100), chunks())
    monkeypatch.setattr(weights, "is_small_llama", lambda network: False)
    by_layer = texts(engine(loaded, max_tokens=100), chunks())
    monkeypatch.setattr(weights, "shares_prefixes", lambda network: False)
    assert texts(engine(loaded, max_tokens=100), chunks()) == fused == by_layer


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_batch_too_big_for_memory_is_decoded_in_halves_with_the_same_result(loaded, monkeypatch, error):
    expected = texts(engine(loaded, batch_rows=64, max_tokens=20), chunks(size=16))
    read_prompts, tried = generation.read_prompts, []

    def with_little_memory(*arguments):
        prefix = read_prompts(*arguments)
        tried.append(None)
        return prefix

    def room_for_ten(setup, batch, *arguments):
        if sum(piece.rows for piece in batch) > 10:
            raise error
        return generate(setup, batch, *arguments)

    generate = generation.generate
    monkeypatch.setattr(generation, "read_prompts", with_little_memory)
    monkeypatch.setattr(generation, "generate", room_for_ten)
    assert texts(engine(loaded, batch_rows=64, max_tokens=20), chunks(size=16)) == expected
    assert len(tried) == 8  # 64 rows, halved to 8 at a time


def test_where_not_even_one_row_fits_the_error_says_what_to_do(loaded, monkeypatch):
    def no_room(*arguments, **options):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(generation, "generate", no_room)
    with pytest.raises(MathbError, match="Not even one attempt of 'tiny' fits into memory.*token limit"):
        texts(engine(loaded, max_tokens=20), chunks())


def test_any_other_error_is_not_taken_for_a_lack_of_memory(loaded, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(generation, "generate", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        texts(engine(loaded, max_tokens=20), chunks())


def test_progress_counts_every_token_once_and_in_the_callers_thread(loaded):
    sampler, seen = engine(loaded, batch_rows=8, max_tokens=40), []
    sampler.on_tokens = lambda tokens: seen.append((tokens, threading.current_thread()))
    completions = [c for completions in texts(sampler, chunks(seeds=range(20))).values() for c in completions]
    assert sum(tokens for tokens, _ in seen) == sampler.tokens_sampled == sum(c.tokens for c in completions)
    assert {thread for _, thread in seen} == {threading.current_thread()}


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
    monkeypatch.setattr(StopStrings, "complete", lambda self, tokens: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        texts(broken, chunks())
    assert (torch.get_num_threads(), threading.active_count()) == (threads, running)
