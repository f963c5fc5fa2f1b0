"""Packed scoring of a small Llama: the network's own numbers and gradients, whatever the attempts look like."""

import random
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from mathb_kit.lab import scoring, small_scoring
from mathb_kit.lab.rollouts import Rollouts
from mathb_kit.lab.run import train
from mathb_kit.lab.scoring import tabulate, token_log_probs
from mathb_kit.lab.small_scoring import small_batches, small_log_probs
from mathb_kit.models import get_model
from mathb_kit.problems import load_problems
from mathb_kit.sampling.transformers_engine import load_checkpoint


@pytest.fixture(scope="module")
def network():
    return load_checkpoint(replace(get_model("mini-base-1"), dtype="float32"))[0]


def made_up(prompts, lengths):
    """Attempts of these lengths, a list for each prompt, which has a length, too; the texts mean nothing."""
    rng = random.Random(4)
    texts = [[rng.randint(3, 60) for _ in range(length)] for length in prompts]
    groups = [group for group, each in enumerate(lengths) for _ in each]
    completions = [[rng.randint(3, 60) for _ in range(length)] for each in lengths for length in each]
    problems = list(load_problems("mini-train"))[: len(prompts)]
    count = len(groups)
    return Rollouts(problems, groups, [texts[g] for g in groups], completions, [0.0] * count, [False] * count)


CASES = {
    "prompts and attempts of different lengths": made_up([7, 12, 3], [[5, 1, 9], [2, 2], [14]]),
    "a prompt of one token": made_up([1, 6], [[4, 3], [1]]),
    "one attempt of one token": made_up([5], [[1]]),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_and_gradients_are_those_of_attempts_one_by_one(network, case):
    rollouts = CASES[case]
    rows = list(range(len(rollouts.groups)))
    log_probs, entropies = small_log_probs(network, rollouts, rows, entropy=True)
    weights = list(network.parameters())
    expected, total = [torch.zeros_like(weight) for weight in weights], 0.0
    for row in rows:
        ids = torch.tensor([rollouts.prompts[row] + rollouts.completions[row]])
        first = len(rollouts.prompts[row])
        scores = network(input_ids=ids).logits[0, first - 1 : -1].log_softmax(-1)
        ours = scores.gather(1, ids[0, first:, None])[:, 0]
        torch.testing.assert_close(log_probs[row, : len(ours)], ours, atol=2e-5, rtol=0)
        torch.testing.assert_close(entropies[row, : len(ours)], -(scores.exp() * scores).sum(-1), atol=2e-5, rtol=0)
        assert not log_probs[row, len(ours) :].any() and not entropies[row, len(ours) :].any()
        total = total + (row + 1) * ours.sum()
    expected = torch.autograd.grad(total, weights)
    weighed = (torch.arange(1.0, len(rows) + 1)[:, None] * log_probs).sum()
    for ours, theirs in zip(torch.autograd.grad(weighed, weights), expected):
        torch.testing.assert_close(ours, theirs, atol=1e-5 * float(theirs.abs().max()) + 1e-7, rtol=1e-4)


def test_the_trainer_scores_small_llamas_packed_and_others_by_their_own_forward(network, monkeypatch):
    rollouts = CASES["prompts and attempts of different lengths"]
    rows = [4, 0, 2]  # any order, any part of the attempts
    (packed,) = token_log_probs(network, rollouts, rows)
    (table,) = tabulate(network, rollouts, rows)
    monkeypatch.setattr(scoring, "is_small_llama", lambda _: False)
    (plain,) = token_log_probs(network, rollouts, rows)
    for line, row in enumerate(rows):
        length = len(rollouts.completions[row])
        torch.testing.assert_close(packed[line, :length], plain[line, :length], atol=2e-5, rtol=0)
        torch.testing.assert_close(table[row, :length], plain[line, :length], atol=2e-5, rtol=0)
    assert not table[1].any()


def test_batches_hold_every_row_once_and_no_more_tokens_than_fit(monkeypatch):
    monkeypatch.setattr(small_scoring, "_TOKENS_AT_ONCE", 20)
    rollouts = CASES["prompts and attempts of different lengths"]
    batches = list(small_batches(rollouts, range(6)))
    assert sorted(row for batch in batches for row in batch) == list(range(6)) and len(batches) > 1
    for batch in batches:
        longest = max(len(rollouts.completions[row]) for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= 20


def test_training_goes_where_it_went_with_the_networks_own_forward(network, tmp_path, monkeypatch):
    settings = {"steps": 2, "prompts": 4, "group": 4, "seed": 5, "learning_rate": 1e-3}
    packed = load_file(train("grpo", to=tmp_path / "packed", **settings) / "model.safetensors")
    monkeypatch.setattr(scoring, "is_small_llama", lambda _: False)
    plain = load_file(train("grpo", to=tmp_path / "plain", **settings) / "model.safetensors")
    start = {name: weight.half() for name, weight in network.state_dict().items()}
    moved = sum(float((plain[name].float() - start[name].float()).norm() ** 2) for name in plain) ** 0.5
    apart = sum(float((plain[name].float() - packed[name].float()).norm() ** 2) for name in plain) ** 0.5
    assert moved > 0 and apart < 0.02 * moved
