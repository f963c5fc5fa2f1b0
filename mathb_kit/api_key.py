"""The key of an API: where it comes from, and texts that must not show it."""

from __future__ import annotations

import os
import re
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

from mathb_kit.errors import MathbError

KEY_VARIABLE = "MATHB_API_KEY"

_PIECE = 6  # characters in a row that nobody shares with a key by chance
# What an address may give away: a name before its host, and values that it calls a key.
_IN_ADDRESS = re.compile(r"(?i)(?<=://)[^/@\s'\"]+(?=@)|([?&][\w-]*(?:key|token|secret|password|auth)[\w-]*=)[^&\s'\"]+")
_SHORTENED = re.compile(r"(\S*?)(?:\*{2,}|\.{2,}|…)+(\S*)")
_END = 2  # characters of a key beside its asterisks


def read_key() -> str:
    """The key of the environment, empty if there is none.

    Raises:
        MathbError: it holds what no header may hold; the sentence does not quote it.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise MathbError(f"{KEY_VARIABLE} holds characters that no key has; set it again.")
    return key


def without_key(text: str) -> str:
    """The text with every trace of the key struck out: servers quote it whole, encoded, in part or with asterisks."""
    key = read_key()
    if not key:
        return text
    code = key.encode()
    forms = [key, quote(key, safe=""), code.hex()]
    for shift in range(3):  # base64 depends on how many bytes stand before the key ("Basic user:key")
        for encode in (b64encode, urlsafe_b64encode):
            forms.append(encode(b"\0" * shift + code).decode().rstrip("=")[4 if shift else 0 :])
    pieces = {form[i : i + _PIECE] for form in forms for i in range(max(1, len(form) - _PIECE + 1)) if form}
    struck = bytearray(len(text))
    for match in re.finditer(f"(?i)(?=({'|'.join(map(re.escape, pieces))}))", text):
        struck[match.start() : match.end(1)] = b"\1" * len(match[1])
    text = re.sub("\0+", "***", "".join("\0" if gone else character for character, gone in zip(text, struck)))
    return _SHORTENED.sub(lambda match: "***" if _is_left_of(key, match[1], match[2]) else match[0], text)


def without_secrets(text: str) -> str:
    """The text of a report that will be sent to others: `without_key`, and without what addresses give away."""
    text = _IN_ADDRESS.sub(lambda match: f"{match[1] or ''}***", text)
    try:
        return without_key(text)
    except MathbError:  # no key that a server could have seen
        return text.replace(os.environ[KEY_VARIABLE].strip(), "***")


def _is_left_of(key: str, before: str, after: str) -> bool:
    """Whether these, with asterisks or dots between them, are a beginning or an end of the key."""
    begins = any(before.endswith(key[:n]) for n in range(_END, len(key)))
    return begins or any(after.startswith(key[-n:]) for n in range(_END, len(key)))
