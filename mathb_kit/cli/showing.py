"""Texts of other people on a terminal: shown, never obeyed."""

from __future__ import annotations

import re
import sys
import threading
from typing import Any, TextIO

# All but line ends and tabs: with them a text could clear the screen, hide lines or name the window.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """The text with U+FFFD for characters that a terminal obeys."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


class Shown:
    """A stream for results on a terminal or in a pipe.

    What other threads print is no result and goes to stderr: Ray forwards its workers' lines at any time. What the
    stream's encoding does not know is escaped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._owner = stream, threading.current_thread()

    @classmethod
    def of(cls, stream: TextIO | None) -> Shown | None:
        """The stream for results, once; None where there is no stream."""
        return stream if stream is None or isinstance(stream, cls) else cls(stream)

    def write(self, text: str) -> int:
        if threading.current_thread() is not self._owner:
            return sys.stderr.write(text)
        shown = harmless(text)
        try:
            return self._stream.write(shown)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
