"""A prompt as a chat template renders it, for every engine that owns a tokenizer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.models.facts import folder_facts
from mathb_kit.models.gguf import gguf_tokenizer
from mathb_kit.models.model import Model
from mathb_kit.models.templates import render_chat
from mathb_kit.settings import shortened

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def chat_turns(model: Model, text: str) -> list[dict[str, str]]:
    """The turns of a chat for a rendered prompt (`Model.render`), as chat templates and servers take them."""
    system = [] if model.system is None else [{"role": "system", "content": model.system}]
    return [*system, {"role": "user", "content": text}]


def chat_options(model: Model) -> dict[str, Any]:
    """JSON-ready keyword arguments for ``apply_chat_template`` beside the turns: the switch and a borrowed template."""
    options: dict[str, Any] = {} if model.thinking is None else {"enable_thinking": model.thinking}
    return options | ({"chat_template": _template_of(model.template)} if model.template else {})


def prompt_ids(tokenizer: PreTrainedTokenizerBase, model: Model, text: str) -> list[int]:
    """Token ids of the whole prompt: of ``text`` itself, or in a chat template up to where the model goes on.

    Raises:
        MathbError: a chat is asked for and there is no template, or one that fails; or a prompt that leaves no room in
            the model's context.
    """
    ids = _ids(tokenizer, model, text)
    if model.context is not None and len(ids) >= model.context:
        raise MathbError(
            f"The prompt {shortened(text)} has {len(ids):,} tokens, and the context of {model.name} holds "
            f"{model.context:,} with the completion; leave such problems out."
        )
    return ids


def _ids(tokenizer: PreTrainedTokenizerBase, model: Model, text: str) -> list[int]:
    if model.prompt != "chat":
        ids = tokenizer(text)["input_ids"]
        begin = tokenizer.bos_token_id
        # A prompt that spells the begin token out must not get a second one.
        return ids[1:] if begin is not None and ids[:2] == [begin, begin] else ids
    options = chat_options(model)
    if not options.get("chat_template", tokenizer.chat_template):
        raise MathbError(
            f"Model {model.name!r} has no chat template; give it a plain prompt with {{problem}}, or name a checkpoint "
            "whose template it borrows (template = ...)."
        )
    chat = render_chat(tokenizer, chat_turns(model, text), **options)
    return tokenizer(chat, add_special_tokens=False)["input_ids"]


@cache
def _template_of(source: str) -> str | None:
    if source.endswith(".gguf") and Path(source).is_file():
        return gguf_tokenizer(Path(source)).chat_template
    if Path(source).is_dir():
        return folder_facts(Path(source)).template
    from transformers import AutoTokenizer

    name, _, revision = source.partition("@")
    try:
        return AutoTokenizer.from_pretrained(name, revision=revision or None, trust_remote_code=False).chat_template
    except (OSError, ValueError) as error:
        raise MathbError(
            f"The chat template of {source!r} could not be loaded: {str(error).splitlines()[0]} Run where the hub can "
            "be reached, or give a folder in Hugging Face format."
        ) from error
