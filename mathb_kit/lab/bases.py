"""Supervised recipes: base models from nothing, and distillation of written traces into a base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathb_kit.lab.corpus import Mixture
from mathb_kit.lab.supervised import SupervisedSettings, TrainingRecord, train_supervised
from mathb_kit.miniature.sets import evaluation_statements
from mathb_kit.miniature.tokenizer import build_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def train_base(recipe: dict[str, Any]) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, TrainingRecord]:
    """A Llama trained from nothing as a recipe of kind ``base`` says."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = build_tokenizer()
    shape = recipe["architecture"]
    torch.manual_seed(recipe["seed"])
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape["hidden"],
            intermediate_size=shape["feed_forward"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            num_key_value_heads=shape["key_value_heads"],
            head_dim=shape["head_size"],
            max_position_embeddings=tokenizer.model_max_length,
            tie_word_embeddings=True,
            initializer_range=0.05,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    return model, tokenizer, train_on_corpus(model, tokenizer, recipe)


def train_on_corpus(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, recipe: dict[str, Any]
) -> TrainingRecord:
    """Train a network in place on the corpus of a recipe; statements of every evaluation set are left out of it."""
    mixture = Mixture(recipe["corpus"]["levels"], recipe["corpus"]["modes"], evaluation_statements())
    settings = SupervisedSettings(seed=recipe["seed"], **recipe["training"])
    return train_supervised(model, tokenizer, mixture.pairs(recipe["seed"]), settings)
