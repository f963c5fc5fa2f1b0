"""Chat templates are programs of a checkpoint: they run in a child with limits of time, memory and output."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mathb_kit.children import Child, Died, NotReady, answer_lines, python_child
from mathb_kit.errors import MathbError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SECONDS = 10.0  # a common template takes a millisecond
_MEMORY = 2 << 30
_LONGEST = 1 << 20  # characters beyond those of the turns
_START_SECONDS = 120.0

_children: list[Child] = []
_lock = threading.Lock()


def render_chat(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Mapping[str, str]], **options: Any) -> str:
    """What ``tokenizer.apply_chat_template`` renders, up to where the model goes on.

    Args:
        tokenizer: gives the template, unless ``options`` has a ``chat_template``, and the special tokens.
        turns: of the chat.
        options: what else the template reads.

    Raises:
        MathbError: the template fails, writes too much, or takes too much time or memory.
    """
    source = tokenizer.name_or_path or "this model"
    try:
        template = tokenizer.get_chat_template(options.pop("chat_template", None))
    except ValueError as error:  # several, and none is the default
        raise MathbError(f"The chat template of {source} cannot be chosen ({str(error).splitlines()[0]}).") from error
    values = {"messages": turns, "add_generation_prompt": True, "tools": None, "documents": None}
    message = [template, {**tokenizer.special_tokens_map, **values, **options}]
    with _lock:
        while _children and not _children[-1].alive:
            _children.pop().end()
        if not _children:
            _children.append(_start())
        child = _children[-1]
        try:
            child.send(message, _SECONDS)
            reply = child.receive(_SECONDS)
        except Died:
            reply = {"error": f"wants more than {_MEMORY >> 30} GB of memory"}
        except TimeoutError:
            reply = {"error": f"takes longer than {_SECONDS:.0f} s"}
        except BaseException:  # Ctrl-C: its answer must not be taken for the next one's
            child.end()
            raise
        if "error" in reply:
            child.end()
    if "error" in reply:
        raise MathbError(f"The chat template of {source} {reply['error']}; mend it, or give a plain prompt.")
    return reply["text"]


def _start() -> Child:
    child = Child(*python_child("mathb_kit.models.templates:serve"))
    try:
        child.ready(_START_SECONDS)
    except (NotReady, TimeoutError) as why:
        child.end()
        raise MathbError(f"The child that renders chat templates could not start ({why or 'too slow'}).") from None
    return child


def serve() -> None:
    """The child's life."""
    import jinja2
    from transformers.utils.chat_template_utils import _compile_jinja_template

    def answer(message: list[Any]) -> dict[str, str]:
        template, values = message
        most = _LONGEST + sum(len(text) for turn in values["messages"] for text in turn.values())
        parts, length = [], 0
        try:
            for part in _compile_jinja_template(template).generate(**values):
                parts.append(part)
                length += len(part)
                if length > most:
                    return {"error": f"writes more than {most:,} characters"}
        except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            said = (str(error) or type(error).__name__).splitlines()[0][:200]
            return {"error": f"fails ({said})"}
        except RecursionError:
            return {"error": "is nested too deeply"}
        return {"text": "".join(parts)}

    answer_lines(answer, _MEMORY, lambda message: _SECONDS)
