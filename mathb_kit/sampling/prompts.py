"""Token ids of prompts for engines that hold no tokenizer themselves: every engine reads the same ids."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING

from mathb_kit.models.chat import chat_options, chat_turns, prompt_ids
from mathb_kit.models.model import Model
from mathb_kit.models.templates import render_chat
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

    @cached_property
    def frame(self) -> str:
        """The prompt as it is sent, with ``{problem}`` where the statement goes; in the chat template if there is one.

        Kept with the attempts, so that who reads them needs neither the weights nor the day they were sampled on.
        """
        text = self.model.render("{problem}")
        if self.model.prompt != "chat":
            return text
        return render_chat(self.tokenizer, chat_turns(self.model, text), **chat_options(self.model))

    @cached_property
    def template_hash(self) -> str:
        """16 hex digits over all that surrounds a statement in the prompt: the template and its switches.

        With ``chat`` the chat template's source counts, not what it renders: some templates hold the day's date.
        """
        model = self.model
        around = [model.prompt]
        if model.prompt == "chat":
            options = {"chat_template": None, **chat_options(model)}
            options["chat_template"] = options["chat_template"] or self.tokenizer.chat_template
            around = [chat_turns(model, model.user), options]
        return hashlib.sha256(json.dumps(around, sort_keys=True).encode()).hexdigest()[:16]
