"""Token ids of prompts for engines that hold no tokenizer themselves: every engine reads the same ids."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING

from mathb_kit.models.chat import chat_options, chat_turns, prompt_ids
from mathb_kit.models.model import Model
from mathb_kit.models.weights import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptEncoder:
    """Encodes rendered prompts (`Model.render`) of one model; its tokenizer is loaded at the first."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._last: tuple[str, list[int]] | None = None

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return load_tokenizer(self.model)

    def encode(self, prompt: str) -> list[int]:
        """Token ids; in the model's chat template if it asks for one."""
        if self._last is None or self._last[0] != prompt:  # the chunks of a problem follow each other
            self._last = prompt, prompt_ids(self.tokenizer, self.model, prompt)
        return self._last[1]


def template_hash(model: Model) -> str:
    """16 hex digits over all that surrounds a statement in the prompt: the template and its switches.

    With ``chat`` the chat template's source counts, not what it renders: some templates hold the day's date.
    """
    around = [model.prompt]
    if model.prompt == "chat":
        options = {"chat_template": None, **chat_options(model)}
        options["chat_template"] = options["chat_template"] or PromptEncoder(model).tokenizer.chat_template
        around = [chat_turns(model, model.user), options]
    return hashlib.sha256(json.dumps(around, sort_keys=True).encode()).hexdigest()[:16]
