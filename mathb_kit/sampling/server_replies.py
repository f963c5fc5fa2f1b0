"""Completions out of a reply of OpenAI's completions or chat API, and what makes a reply unfit.

Servers differ in what they leave out and how they call it. What has one meaning is read; anything else is a `BadReply`
that names the field and its value: a guess would end as a rate.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mathb_kit.endpoint import BadReply
from mathb_kit.models.model import Sampling
from mathb_kit.sampling.engine import Completion

# What servers call the reasons for ending, in small letters; each has one meaning. Filtered and aborted completions did
# not end by themselves: they are cut. No reason at all, or a tool call that nobody offered, is in no row.
_FINISH = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end_turn": "stop", "complete": "stop",
    "length": "length", "max_tokens": "length", "max_length": "length", "model_length": "length",
    "content_filter": "cut", "safety": "cut", "abort": "cut",
}  # fmt: skip
_TEXT_PARTS = {"text", "output_text"}
_THOUGHT_PARTS = {"thinking", "reasoning"}

CountTokens = Callable[[str], int | None]
"""Tokens of a text, None where nobody can count them."""


def read_completions(
    reply: Any, asked: int, settings: Sampling, count: CountTokens = lambda text: None
) -> list[Completion]:
    """The completions of a reply in the order of their index, at least 1 and at most ``asked``; empty texts are texts.

    Tokens are those that the reply lists for a choice, else the choice's share of its ``usage`` by length of text, else
    what ``count`` makes of the text and the end token, else 0, which stands for "not known".

    Args:
        reply: decoded JSON.
        asked: completions asked for.
        settings: those of the request: stop strings, and the limit that no number of tokens may pass.
        count: counts where the reply does not.

    Raises:
        BadReply: what cannot be read without a guess; the message names the field and its value.
    """
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or not choices:
        raise BadReply(f"a reply without choices ({str(reply)[:200]})")
    if len(choices) > asked:
        raise BadReply(f"a reply with {len(choices)} choices for {asked} asked")
    if not all(isinstance(choice, dict) for choice in choices):
        raise _unfit("choices", choices)
    choices = _in_order(choices)
    reasons = [_reason(choice) for choice in choices]
    texts = [_text(choice) for choice in choices]
    tokens = _tokens(choices, texts, reasons, reply.get("usage"), settings.max_tokens, count)
    cut = map(settings.cut, texts)  # some servers leave the stop string in, or run past it
    return [
        Completion(before, number, reason if before == text else "stop")
        for text, before, number, reason in zip(texts, cut, tokens, reasons)
    ]


def forget_cut_replies(folder: Path, dry_run: bool = False) -> int:
    """Delete kept replies that hold a completion that was filtered or aborted: they are asked for again.

    Returns:
        How many there are.
    """
    files = [file for file in folder.glob("*/*.json.gz") if _is_cut(file)]
    for file in files if not dry_run else ():
        file.unlink(missing_ok=True)
    return len(files)


def _is_cut(file: Path) -> bool:
    try:
        choices = json.loads(gzip.decompress(file.read_bytes()))["choices"]
        return any(_reason(choice) == "cut" for choice in choices)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return False  # damaged: the engine asks again by itself
    except (TypeError, LookupError, AttributeError, BadReply):
        return False  # of an older version that kept what is now refused: likewise


def _unfit(field: str, value: Any) -> BadReply:
    return BadReply(f"a reply that cannot be read: {field} is {repr(value)[:120]}")


def _in_order(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choices by index; where a server does not number them (all alike), as they come. The index tells the seed."""
    numbers = [choice.get("index") for choice in choices]
    if all(number is None for number in numbers) or all(number == 0 for number in numbers):
        return choices
    if any(type(number) is not int for number in numbers) or sorted(numbers) != list(range(len(numbers))):
        raise _unfit("the choices' index", numbers)
    return sorted(choices, key=lambda choice: choice["index"])


def _reason(choice: dict[str, Any]) -> str:
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason.lower() in _FINISH:
        return _FINISH[reason.lower()]
    why = f" ({str(choice['error'])[:120]})" if choice.get("error") else ""
    raise BadReply(f"{_unfit('finish_reason', reason)}{why}")


def _text(choice: dict[str, Any]) -> str:
    """What the model said, thoughts that the server's parser took out put back between think marks."""
    message = choice.get("message")
    if not isinstance(message, dict):
        if not isinstance(text := choice.get("text"), str):
            raise _unfit("text", text) if "text" in choice else _unfit("message", message)
        return text
    if calls := message.get("tool_calls") or message.get("function_call"):
        raise _unfit("tool_calls", calls)
    thought, text = _parts(message.get("content"))
    thought = message.get("reasoning_content") or message.get("reasoning") or thought
    if not isinstance(thought, str):
        raise _unfit("reasoning_content", thought)
    if text is None and isinstance(message.get("refusal"), str):
        text = message["refusal"]
    if not thought:
        return text or ""
    # What was never answered must not look answered: its thinking stays open.
    return f"<think>{thought}" + ("" if text is None else f"</think>{text}")


def _parts(content: Any) -> tuple[str, str | None]:
    """(thoughts, text) of a message's content: a text, null, or a list of parts."""
    if content is None or isinstance(content, str):
        return "", content
    thoughts, texts = [], []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if isinstance(part, str):
            texts.append(part)
        elif kind in _TEXT_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in _THOUGHT_PARTS and isinstance(held := part.get(kind, part.get("text")), str | list):
            thoughts.append(held if isinstance(held, str) else _parts(held)[1] or "")
        else:
            raise _unfit("a part of content", part)
    return "".join(thoughts), "".join(texts) if texts or not thoughts else None


def _tokens(
    choices: list[dict[str, Any]], texts: list[str], reasons: list[str], usage: Any, most: int, count: CountTokens
) -> list[int]:
    listed = [choice.get("token_ids") for choice in choices]
    if all(isinstance(ids, list) and ids for ids in listed):
        if longest := next((len(ids) for ids in listed if len(ids) > most + 1), None):
            raise _unfit(f"the number of token_ids, of {most} allowed,", longest)
        return [len(ids) for ids in listed]
    total = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int | float) and not 0 <= total <= (most + 1) * len(choices):  # NaN, too
        raise _unfit(f"usage.completion_tokens, for {len(choices)} completions of at most {most} tokens,", total)
    if type(total) is not int or (total == 0 and any(texts)):
        counts = [count(text) for text in texts]
        # The end token counts, as everywhere.
        return [0 if n is None else n + (reason == "stop") for n, reason in zip(counts, reasons)]
    # Shares of the running total: they add up to it exactly. One character more stands for the end token.
    weights = [len(text) + 1 for text in texts]
    ends = [round(total * sum(weights[: i + 1]) / sum(weights)) for i in range(len(weights))]
    return [end - start for start, end in zip([0, *ends], ends)]
