"""Choosing tokens: over large vocabularies the same tokens as by sorting and summing everything."""

import numpy as np
import pytest
import torch
from transformers import TopKLogitsWarper, TopPLogitsWarper
from transformers.generation.logits_process import MinPLogitsWarper

from mathb_kit.models.model import Sampling
from mathb_kit.sampling import choice
from mathb_kit.sampling.choice import TokenChoice, filtered

SETTINGS = [
    Sampling(),
    Sampling(temperature=0.6),
    Sampling(top_k=1),
    Sampling(top_k=20),
    Sampling(top_k=300),
    Sampling(top_p=0.95),
    Sampling(top_p=0.3),
    Sampling(min_p=0.1),
    Sampling(temperature=0.7, top_p=0.8, top_k=20),
    Sampling(temperature=1.5, top_p=0.99, min_p=0.001),
]


def random_logits(rows: int, vocabulary: int, spread: float, seed: int) -> torch.Tensor:
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * spread


def parts_by_sorting(row: np.ndarray, settings: Sampling) -> np.ndarray:
    """Where each token's part of [0, 1) ends, from the definition: sort, cut, put back, sum."""
    scaled = row / settings.temperature
    p = np.exp(scaled - scaled.max())
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    keep = np.ones(len(p), dtype=bool)
    mass = 1.0
    if settings.top_k:
        keep[settings.top_k :] = False
        mass = p[order[: settings.top_k]].sum()
    keep &= (np.cumsum(p[order]) - p[order]) / mass < settings.top_p
    keep &= p[order] >= settings.min_p * p.max()
    kept = np.zeros_like(p)
    kept[order[keep]] = p[order[keep]]
    return np.cumsum(kept) / kept.sum()


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0, 12.0])  # from flat, where nearly all is kept, to a single token
def test_a_large_vocabulary_gives_the_tokens_of_a_full_sort(settings, spread):
    rows, vocabulary = 40, 10_007  # no multiple of a block
    logits = random_logits(rows, vocabulary, spread, seed=1)
    uniform = np.random.default_rng(2).random(rows)
    uniform[:2] = 0.0, np.nextafter(1, 0)
    tokens = TokenChoice(settings)(logits, torch.from_numpy(uniform))
    for row, u, token in zip(logits.double().numpy(), uniform, tokens.tolist()):
        ends = np.append(0.0, parts_by_sorting(row, settings))
        # Sums in single precision: a number near the boundary of two parts may fall on the other side.
        assert ends[token] - 1e-4 <= u <= ends[token + 1] + 1e-4
    probabilities = torch.softmax(logits / settings.temperature, -1)
    if settings in SETTINGS[2:]:  # with filters to the very token
        assert tokens.equal(choice.invert(filtered(probabilities, settings), torch.from_numpy(uniform)))


@pytest.mark.parametrize("settings", SETTINGS[2:])
def test_ties_are_cut_as_a_stable_sort_cuts_them(settings):
    """bfloat16 has 8 bits: many tokens of a large vocabulary are equally probable."""
    logits = random_logits(64, 6_000, 3.0, seed=3).bfloat16()
    uniform = torch.from_numpy(np.random.default_rng(4).random(64))
    probabilities = torch.softmax(logits.float() / settings.temperature, -1)
    expected = choice.invert(filtered(probabilities, settings), uniform)
    assert TokenChoice(settings)(logits, uniform).equal(expected)


def test_the_blocks_settle_most_rows_of_a_peaked_distribution(monkeypatch):
    """Else the shortcut would be right and of no use."""
    fully_sorted = []
    monkeypatch.setattr(choice, "filtered", lambda p, settings: fully_sorted.append(len(p)) or filtered(p, settings))
    TokenChoice(Sampling(top_p=0.9))(random_logits(100, 10_000, 4.0, seed=5), torch.rand(100, dtype=torch.float64))
    assert sum(fully_sorted) < 5


@pytest.mark.parametrize("vocabulary", [100, 5_000])
def test_chosen_tokens_follow_the_distribution(vocabulary):
    logits = random_logits(1, vocabulary, 3.0, seed=6)
    uniform = torch.from_numpy((np.arange(20_000) + 0.5) / 20_000)  # evenly spread
    choose = TokenChoice(Sampling())
    tokens = torch.cat([choose(logits.expand(1000, -1), part) for part in uniform.split(1000)]).numpy()
    counts = np.bincount(tokens, minlength=vocabulary)
    expected = torch.softmax(logits.double(), -1).numpy()[0] * 20_000
    assert np.abs(counts - expected).max() < 1.01  # a token's part of [0, 1) holds its share of an even grid


def test_a_token_without_probability_is_never_chosen():
    logits = torch.full((3, 5_000), -torch.inf)
    logits[:, 70], logits[:, 4_000] = 0.0, 0.0
    uniform = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64)
    for settings in (Sampling(), Sampling(top_p=0.9), Sampling(top_k=50)):
        assert TokenChoice(settings)(logits, uniform).tolist() == [70, 4_000, 4_000]


def test_fewer_rows_after_more_see_nothing_of_them():
    choose = TokenChoice(Sampling(top_p=0.9))
    uniform = torch.rand(8, dtype=torch.float64)
    logits = random_logits(8, 5_000, 2.0, seed=7)
    choose(logits, uniform)
    assert choose(logits[3:5], uniform[3:5]).equal(TokenChoice(Sampling(top_p=0.9))(logits[3:5], uniform[3:5]))


@pytest.mark.parametrize(
    ("settings", "warpers"),
    [
        (Sampling(top_k=5), [TopKLogitsWarper(5)]),
        (Sampling(top_p=0.7), [TopPLogitsWarper(0.7)]),
        (Sampling(min_p=0.2), [MinPLogitsWarper(0.2)]),
        (Sampling(top_k=5, top_p=0.7), [TopKLogitsWarper(5), TopPLogitsWarper(0.7)]),
    ],
)
def test_filters_keep_the_tokens_that_transformers_own_warpers_keep(settings, warpers):
    logits = torch.randn(50, 40, generator=torch.Generator().manual_seed(1)) * 2
    ours = filtered(torch.softmax(logits, -1), settings)
    for warper in warpers:
        logits = warper(None, logits)
    torch.testing.assert_close(ours / ours.sum(-1, keepdim=True), torch.softmax(logits, -1))
