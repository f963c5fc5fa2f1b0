"""The lab: objectives by hand, gradients by definition, corpora that keep off evaluation sets."""

import itertools
import json

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mathb_kit.errors import MathbError
from mathb_kit.lab.corpus import Mixture
from mathb_kit.lab.make import RECIPES, make_missing, recipe_names
from mathb_kit.lab.objectives import group_advantages, grpo_loss
from mathb_kit.lab.reinforce import _token_table, token_log_probs
from mathb_kit.lab.supervised import SupervisedSettings, train_supervised
from mathb_kit.miniature.sets import evaluation_statements, problem_rows
from mathb_kit.miniature.tokenizer import build_tokenizer


def tiny_network(tokenizer, seed=0):
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                    num_attention_heads=1, num_key_value_heads=1, head_dim=32, tie_word_embeddings=True)
    )  # fmt: skip


def test_advantages_are_standardised_in_each_group_and_zero_without_contrast():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    # mean 1/4, unbiased variance (9/16 + 3/16) / 3 = 1/4
    by_hand = torch.tensor([[1.5, -0.5, -0.5, -0.5], [0.0] * 4, [0.0] * 4])
    torch.testing.assert_close(group_advantages(rewards, epsilon=0) .nan_to_num(0.0), by_hand)
    torch.testing.assert_close(group_advantages(rewards), by_hand, atol=1e-5, rtol=0)


def test_the_first_update_of_grpo_is_the_policy_gradient_averaged_over_attempts_then_tokens():
    log_probs = torch.tensor([[-1.0, -2.0, -0.5], [-0.3, -0.7, -9.0]], requires_grad=True)
    mask = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    advantages = torch.tensor([2.0, -1.0])
    grpo_loss(log_probs, log_probs.detach(), advantages, mask).backward()
    # d/dlogp of -(1/2) * sum_i (1/T_i) sum_t A_i logp_it
    by_hand = torch.tensor([[-2 / 6, -2 / 6, -2 / 6], [1 / 4, 1 / 4, 0.0]])
    torch.testing.assert_close(log_probs.grad, by_hand)


def test_a_ratio_beyond_the_trust_interval_stops_the_gradient_only_on_the_side_that_would_widen_it():
    old = torch.zeros(4, 1)
    log_probs = torch.log(torch.tensor([[1.5], [1.5], [0.5], [0.5]])).requires_grad_()
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    loss = grpo_loss(log_probs, old, advantages, torch.ones(4, 1), clip=0.2)
    # min(rA, clamp(r)A): 1.2, -1.5, 0.5, -0.8
    assert float(loss.detach()) == pytest.approx(-(1.2 - 1.5 + 0.5 - 0.8) / 4)
    loss.backward()
    assert (log_probs.grad[:, 0] != 0).tolist() == [False, True, True, False]


def test_log_probabilities_and_masks_cover_exactly_the_sampled_tokens():
    tokenizer = build_tokenizer()
    network = tiny_network(tokenizer)
    rollouts = [([1, 5, 6], [[7, 8, 2], [9, 2]]), ([1, 4], [[7, 2]])]
    ids, mask = _token_table(rollouts, tokenizer)
    assert ids.tolist() == [[1, 5, 6, 7, 8, 2], [1, 5, 6, 9, 2, 0], [1, 4, 7, 2, 0, 0]]
    assert [[int(t) for t, m in zip(row[1:], keep) if m] for row, keep in zip(ids, mask)] == [[7, 8, 2], [9, 2], [7, 2]]
    with torch.no_grad():
        ours = token_log_probs(network, ids)
        for row in range(3):
            for place in range(1, 4):
                logits = network(input_ids=ids[row : row + 1, :place]).logits[0, -1]
                assert float(ours[row, place - 1]) == pytest.approx(
                    float(logits.log_softmax(-1)[ids[row, place]]), abs=1e-5
                )


def test_a_corpus_never_holds_an_excluded_statement_and_is_a_function_of_its_seed():
    mixture = Mixture({"product": {1: 1.0}}, {"careful": 1.0})
    drawn = list(itertools.islice(mixture.pairs(5), 3000))
    assert drawn == list(itertools.islice(mixture.pairs(5), 3000))
    banned = frozenset(statement for statement, _ in drawn[:200])
    kept = list(itertools.islice(Mixture(mixture.levels, mixture.modes, banned).pairs(5), 2000))
    assert not banned & {statement for statement, _ in kept}


def test_what_training_must_not_see_covers_every_evaluation_set():
    statements = evaluation_statements()
    for name in ("mini-math", "mini-aime"):
        assert {row["statement"] for row in problem_rows(name)} <= statements
    assert not {row["statement"] for row in problem_rows("mini-train")} & statements


def test_supervised_training_is_seeded_and_lowers_the_loss():
    tokenizer = build_tokenizer()
    mixture = Mixture({"sum": {1: 1.0}}, {"direct": 1.0})
    records = []
    for _ in range(2):
        network = tiny_network(tokenizer)
        settings = SupervisedSettings(steps=60, batch=16, warm_up=5)
        record = train_supervised(network, tokenizer, mixture.pairs(1), settings)
        records.append((record.losses, [p.detach().clone() for p in network.parameters()]))
    (first, weights), (second, same_weights) = records
    assert first == second
    assert all(torch.equal(a, b) for a, b in zip(weights, same_weights))
    assert first[-1][1] < 3.0  # ln(110) = 4.7 is no knowledge at all


def test_recipes_are_listed_bases_first_and_every_tuned_model_names_a_base_that_exists():
    import tomllib

    names = recipe_names()
    recipes = {name: tomllib.loads((RECIPES / f"{name}.toml").read_text()) for name in names}
    kinds = [recipes[name]["kind"] == "base" for name in names]
    assert kinds == sorted(kinds, reverse=True)
    assert all(recipe["base"] in recipes for recipe in recipes.values() if recipe["kind"] != "base")


def test_missing_checkpoints_are_made_bases_first_and_finished_ones_are_kept(tmp_path):
    recipes, made = tmp_path / "recipes", tmp_path / "made"
    recipes.mkdir()
    small = (RECIPES / "mini-base-1.toml").read_text().replace("steps = 5000", "steps = 2")
    (recipes / "mini-a.toml").write_text(small)
    policy = (RECIPES / "mini-rl-1.toml").read_text().replace("mini-base-1", "mini-a")
    (recipes / "mini-0.toml").write_text(policy.replace("steps = 150", "steps = 1"))
    make_missing(made, recipes)
    assert sorted(path.name for path in made.iterdir()) == ["mini-0", "mini-a"]
    report = json.loads((made / "mini-0" / "recipe.json").read_text())
    assert report["mathb"]["base"] == "mini-a" and report["training"]["steps"] == 1
    before = (made / "mini-a" / "model.safetensors").stat().st_mtime_ns
    make_missing(made, recipes)
    assert (made / "mini-a" / "model.safetensors").stat().st_mtime_ns == before
    (recipes / "mini-b.toml").write_text('kind = "nonsense"\n')
    with pytest.raises(MathbError, match="mini-b failed"):
        make_missing(made, recipes)
