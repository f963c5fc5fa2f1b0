"""The lab: corpora that keep off evaluation sets, supervised training, recipes and what they make."""

import itertools
import json

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mathb_kit.errors import MathbError
from mathb_kit.lab.bases import Corpus
from mathb_kit.lab.make import RECIPES, make_missing, recipe_names
from mathb_kit.lab.supervised import SupervisedSettings, train_supervised
from mathb_kit.miniature.sets import evaluation_statements, problem_rows
from mathb_kit.miniature.tokenizer import build_tokenizer


def tiny_network(tokenizer, seed=0):
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                    num_attention_heads=1, num_key_value_heads=1, head_dim=32, tie_word_embeddings=True)
    )  # fmt: skip


def test_a_corpus_never_holds_an_excluded_statement_and_is_a_function_of_its_seed():
    corpus = Corpus({"product": {1: 1.0}}, {"careful": 1.0})
    drawn = list(itertools.islice(corpus.pairs(5), 3000))
    assert drawn == list(itertools.islice(corpus.pairs(5), 3000))
    banned = frozenset(statement for statement, _ in drawn[:200])
    kept = list(itertools.islice(Corpus(corpus.levels, corpus.modes, banned).pairs(5), 2000))
    assert not banned & {statement for statement, _ in kept}


def test_what_training_must_not_see_covers_every_evaluation_set():
    statements = evaluation_statements()
    for name in ("mini-math", "mini-aime"):
        assert {row["statement"] for row in problem_rows(name)} <= statements
    assert not {row["statement"] for row in problem_rows("mini-train")} & statements


def test_supervised_training_is_seeded_and_lowers_the_loss():
    tokenizer = build_tokenizer()
    corpus = Corpus({"sum": {1: 1.0}}, {"direct": 1.0})
    records = []
    for _ in range(2):
        network = tiny_network(tokenizer)
        settings = SupervisedSettings(steps=60, batch=16, warm_up=5)
        record = train_supervised(network, tokenizer, corpus.pairs(1), settings)
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
    assert not list((made / "mini-0").glob("*.pt")) and not (made / "mini-0" / "log.jsonl").exists()
    before = (made / "mini-a" / "model.safetensors").stat().st_mtime_ns
    make_missing(made, recipes)
    assert (made / "mini-a" / "model.safetensors").stat().st_mtime_ns == before
    (recipes / "mini-b.toml").write_text('kind = "nonsense"\n')
    with pytest.raises(MathbError, match="mini-b failed"):
        make_missing(made, recipes)
