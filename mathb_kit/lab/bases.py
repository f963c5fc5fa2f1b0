"""Supervised recipes: base models from nothing, distillation of written traces into a base, and their corpus."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mathb_kit.lab.supervised import SupervisedSettings, TrainingRecord, train_supervised
from mathb_kit.miniature.generator import draw_exercise, solve
from mathb_kit.miniature.sets import evaluation_statements
from mathb_kit.miniature.tokenizer import build_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Corpus:
    """Exercises and solution modes drawn from a declared mixture: weights of levels per family, and of modes.

    Attributes:
        levels: family to ``{level: weight}``; families are drawn in proportion to their total weight.
        modes: mode to weight.
        excluded: statements that must never be drawn (every evaluation set).
    """

    levels: Mapping[str, Mapping[int, float]]
    modes: Mapping[str, float]
    excluded: frozenset[str] = frozenset()

    def pairs(self, seed: int) -> Iterator[tuple[str, str]]:
        """An endless, seeded stream of (statement, solution)."""
        rng = random.Random(seed)
        kinds = [(family, int(level)) for family, weights in self.levels.items() for level in weights]
        kind_weights = [weight for weights in self.levels.values() for weight in weights.values()]
        modes, mode_weights = list(self.modes), list(self.modes.values())
        while True:
            for (family, level), mode in zip(
                rng.choices(kinds, kind_weights, k=512), rng.choices(modes, mode_weights, k=512)
            ):
                exercise = draw_exercise(rng, family, level)
                if exercise.statement not in self.excluded:
                    yield exercise.statement, solve(exercise, mode)


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
    corpus = Corpus(recipe["corpus"]["levels"], recipe["corpus"]["modes"], evaluation_statements())
    settings = SupervisedSettings(seed=recipe["seed"], **recipe["training"])
    return train_supervised(model, tokenizer, corpus.pairs(recipe["seed"]), settings)
