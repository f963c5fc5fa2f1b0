"""Reference pages of the package in Markdown, from its docstrings: a page for its face and one for each room."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from types import ModuleType

# What Google's style of docstring calls its parts; an item of one is ``name: what it is``.
_PART = re.compile(r"^(Args|Attributes|Returns|Raises):$")
_ITEM = re.compile(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)$")


def api_pages() -> dict[str, str]:
    """Markdown by page name: ``mathb_kit`` and its public rooms, each with what it hands out."""
    package = import_module("mathb_kit")
    face = {name: getattr(package, name) for name in sorted(package.__all__)}
    rooms = {name: each for name, each in face.items() if isinstance(each, ModuleType)}
    pages = {"mathb_kit": _page("mathb_kit", package, {name: face[name] for name in face if name not in rooms})}
    for name, room in rooms.items():
        pages[name] = _page(f"mathb_kit.{name}", import_module(room.__name__), _public(room))
    return pages


def _public(room: ModuleType) -> dict[str, object]:
    """Functions and classes of this project that a room hands out."""
    names = getattr(room, "__all__", None) or dir(room)
    members = {name: getattr(room, name) for name in sorted(names) if not name.startswith("_")}
    return {
        name: each for name, each in members.items()
        if (inspect.isfunction(each) or inspect.isclass(each)) and each.__module__.startswith("mathb_kit")
    }  # fmt: skip


def _page(title: str, room: ModuleType, members: dict[str, object]) -> str:
    parts = [f"# {title}", _text(room.__doc__ or "")]
    for name, each in members.items():
        if inspect.isfunction(each) or inspect.isclass(each):
            parts += [f"## {name}", f"```python\n{_signature(name, each)}\n```", _text(each.__doc__ or "")]
            parts += [_method(attribute, value) for attribute, value in _methods(each)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _methods(each: object) -> list[tuple[str, object]]:
    if not inspect.isclass(each):
        return []
    return [
        (name, value) for name, value in vars(each).items()
        if not name.startswith("_") and isinstance(value, property | classmethod | type(_text)) and _doc(value)
    ]  # fmt: skip


def _method(name: str, value: object) -> str:
    if isinstance(value, property):
        return f"### .{name}\n\n{_text(_doc(value))}"
    function = value.__func__ if isinstance(value, classmethod) else value
    return f"### .{name}()\n\n```python\n{_signature(name, function)}\n```\n\n{_text(_doc(value))}"


def _doc(value: object) -> str:
    return inspect.getdoc(value) or ""


class _Plain(str):
    """An annotation as it was written: without the quotes of a text."""

    def __repr__(self) -> str:
        return str(self)


def _signature(name: str, each: object) -> str:
    try:
        signature = inspect.signature(each)
    except (TypeError, ValueError):
        return name
    plain = {
        parameter.name: parameter.replace(annotation=_written(parameter.annotation))
        for parameter in signature.parameters.values()
    }
    result = _written(signature.return_annotation)
    one_line = f"{name}{signature.replace(parameters=plain.values(), return_annotation=result)}"
    if len(one_line) < 90 or not plain:
        return one_line
    lines = [f"    {each}," for each in plain.values()]
    starred = next((n for n, each in enumerate(plain.values()) if each.kind is each.KEYWORD_ONLY), None)
    if starred is not None and not any(each.kind is each.VAR_POSITIONAL for each in plain.values()):
        lines.insert(starred, "    *,")
    returned = "" if result is signature.empty else f" -> {result}"
    return "\n".join([f"{name}(", *lines, f"){returned}"])


def _written(annotation: object) -> object:
    return _Plain(annotation) if isinstance(annotation, str) else annotation


def _text(docstring: str) -> str:
    """A docstring as Markdown: parts in bold, their items as lists, everything else as it stands."""
    lines, listed = [], False
    for line in inspect.cleandoc(docstring).split("\n"):
        if part := _PART.match(line):
            lines += ["", f"**{part[1]}**", ""]
            listed = True
        elif listed and (item := _ITEM.match(line)):
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif listed and line.startswith("    "):
            lines.append(f"  {line.strip()}" if lines[-1].startswith(("- ", "  ")) else line.strip())
        else:
            listed = False
            # What is set in by four blanks is an example or a formula; so it is in Markdown, after an empty line.
            if line.startswith("    ") and lines and lines[-1] and not lines[-1].startswith("    "):
                lines.append("")
            lines.append(line)
    return (
        "\n".join(lines).replace("``", "`").replace("<", "&lt;") if "`" not in docstring else _coded("\n".join(lines))
    )


def _coded(text: str) -> str:
    """Angle brackets outside of code are text, not markup."""
    parts = re.split(r"(``.+?``|`[^`]+`|(?m:^ {4}.*$))", text)
    return "".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))
