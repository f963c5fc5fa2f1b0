"""Completions out of a reply of OpenAI's completions or chat API, and what makes a reply unfit."""

from __future__ import annotations

from typing import Any

from mathb_kit.endpoint import BadReply
from mathb_kit.models.model import Sampling
from mathb_kit.sampling.engine import Completion

# What servers call the reasons for ending. Filtered and aborted completions did not end by themselves: they are cut.
_FINISH = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "length": "length",
    "max_tokens": "length", "content_filter": "cut", "abort": "cut",
}  # fmt: skip


def read_completions(reply: Any, asked: int, settings: Sampling) -> list[Completion]:
    """The completions of a reply in the order of their index, at least 1 and at most ``asked``; empty texts are texts.

    Raises:
        BadReply: no choices or too many, a choice without text or reason for ending, or no token counts.
    """
    if not isinstance(reply, dict) or not isinstance(choices := reply.get("choices"), list) or not choices:
        raise BadReply(f"a reply without choices ({str(reply)[:200]})")
    if len(choices) > asked:
        raise BadReply(f"a reply with {len(choices)} choices for {asked} asked")
    try:
        choices = sorted(choices, key=lambda choice: choice.get("index", 0))
        texts = [_text(choice) for choice in choices]
        reasons = [_reason(choice) for choice in choices]
        tokens = _tokens(choices, texts, reply.get("usage"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadReply(f"a reply that cannot be read ({error})") from None
    cut = map(settings.cut, texts)  # some servers leave the stop string in, or run past it
    return [
        Completion(before, count, reason if before == text else "stop")
        for text, before, count, reason in zip(texts, cut, tokens, reasons)
    ]


def _text(choice: dict[str, Any]) -> str:
    if "text" in choice:
        text = choice["text"]
    else:
        message = choice["message"]
        thought = message.get("reasoning_content") or message.get("reasoning")
        text = message.get("content")
        if thought:  # the server's parser took it out; what was never answered must not look answered
            text = f"<think>{thought}" + ("" if text is None else f"</think>{text}")
        elif text is None:
            text = ""
    if not isinstance(text, str):
        raise TypeError("a choice's text is none")
    return text


def _reason(choice: dict[str, Any]) -> str:
    if (reason := choice.get("finish_reason")) not in _FINISH:
        raise ValueError(f"a choice's finish_reason is {reason!r}")
    return _FINISH[reason]


def _tokens(choices: list[dict[str, Any]], texts: list[str], usage: Any) -> list[int]:
    """Tokens of each choice: listed ones counted, else shares of the request's total by length of text."""
    if all(choice.get("token_ids") for choice in choices):
        return [len(choice["token_ids"]) for choice in choices]
    if not isinstance(usage, dict) or not isinstance(total := usage.get("completion_tokens"), int):
        raise ValueError("there is no number of completion_tokens in its usage")
    # Shares of the running total: they add up to it exactly. One character more stands for the end token.
    weights = [len(text) + 1 for text in texts]
    ends = [round(total * sum(weights[: i + 1]) / sum(weights)) for i in range(len(weights))]
    return [end - start for start, end in zip([0, *ends], ends)]
