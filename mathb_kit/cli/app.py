"""The command itself: its help, how a run ends, and the arguments that several verbs share."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any

import typer

import mathb_kit as mb
from mathb_kit.api_key import without_secrets
from mathb_kit.cli.complete import engine_names, model_names, one_of, set_names
from mathb_kit.cli.showing import Shown, harmless
from mathb_kit.errors import MathbError

# In the order of the help. A verb names its panel.
REPRODUCE, JUDGE, NUMBERS, BUILD, KEPT = (
    "Reproduce the paper", "Judge a model", "Numbers, without a model", "Build and train", "What was sampled"
)  # fmt: skip

_EPILOG = """\b
Every verb has examples: mathb evaluate --help

For scripts: with --json stdout is one JSON document (a table is a list of objects; numbers in full, null for what is
not known) and everything else goes to stderr. Without it, too, progress and notes go to stderr. An error is one
sentence on stderr and status 2.

Completion of verbs, options, models and sets: mathb --install-completion, then open a new shell.

\b
Environment:
  MATHB_RUNS      folder of everything sampled and drawn; else runs/
  MATHB_DATA_DIR  folder with local copies of problem sets
  MATHB_MODELS    a .toml file with models of your own
  MATHB_PROGRESS  bar, plain (lines) or off; else what fits the place
"""

_NO_MEMORY = "mathb: the memory of this machine did not do; ask for less at once, or use a larger one."
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# typer shows its usage errors on four lines; its base class of them has no public name.
_UsageError = typer.BadParameter.__base__


class _Verbs(typer.core.TyperGroup):
    """Lists the verbs by purpose, and ends every expected failure with one sentence on stderr and an exit status."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, verb in self.commands.items():
            short = verb.get_short_help_str(formatter.width - width - 6)
            panels.setdefault(verb.rich_help_panel, []).append((name.ljust(width), short))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)

    def main(self, *args: Any, **extra: Any) -> Any:
        sys.stdout = Shown.of(sys.stdout)  # to the end of the process: what a thread prints then is no result, either
        with _ended_in_order():
            return super().main(*args, **extra)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _one_sentence(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _one_sentence(ctx):
            return super().invoke(ctx)


@contextmanager
def _one_sentence(ctx: Any) -> Iterator[None]:
    try:
        yield
    except MathbError as error:
        _end(f"mathb: {error}", 2)
    except _UsageError as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # the help of a group that was called without a verb
            raise
        called = error.ctx.command_path if error.ctx else f"{ctx.command_path} {ctx.invoked_subcommand}"
        _end(f"mathb: {message}{'' if message[-1] in '.?' else '.'} See {called} --help.", 2)
    except _Ended:
        _end("mathb: ended by SIGTERM; what was finished is kept, the same command goes on from there.", 143)
    except KeyboardInterrupt:
        _end("mathb: interrupted; what was finished is kept, the same command goes on from there.", 130)
    except (typer.Exit, typer.Abort, _UsageError.__base__, BrokenPipeError):
        raise
    except OSError as error:
        if error.errno in _FULL:
            _end(
                f"mathb: no space left on the disk{f' of {error.filename}' if error.filename else ''}; free some, or "
                "point MATHB_RUNS to another disk, and run the same command again: what was finished is kept.",
                2,
            )
        if error.errno == errno.ENOMEM:
            _end(_NO_MEMORY, 2)
        if not error.errno or not error.filename:  # no fault of a file's
            _end(_report(error), 1)
        _end(
            f"mathb: {error.filename} cannot be used ({os.strerror(error.errno)}); name another path, or point "
            "MATHB_RUNS to a folder that you may write to.",
            2,
        )
    except MemoryError:
        _end(_NO_MEMORY, 2)
    except Exception as error:  # the one place that takes all: what nobody foresaw is a fault of ours
        _end(_report(error), 1)


def _report(error: Exception) -> str:
    """Two lines about what nobody foresaw; all that is known of it is in a file."""
    details = f"mathb {mb.__version__}, Python {sys.version}, {sys.platform}\n{sys.argv}\n\n"
    details = without_secrets(details + "".join(traceback.format_exception(error)))
    with tempfile.NamedTemporaryFile(
        "w", prefix="mathb-report-", suffix=".txt", encoding="utf-8", errors="backslashreplace", delete=False
    ) as file:
        file.write(details)
    said = without_secrets(" ".join(str(error).split()))
    said = f"{type(error).__name__}: {said[:200]}{'…' if len(said) > 200 else ''}".rstrip(": ")
    return (
        f"mathb: a fault that nobody foresaw ({said}); what was finished is kept.\n"
        f"mathb: the whole report is in {file.name}; please send it along when you tell us."
    )


class _Ended(KeyboardInterrupt):
    """SIGTERM, as schedulers send it before they kill: what is finished is committed and temporary folders go."""


@contextmanager
def _ended_in_order() -> Iterator[None]:
    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends it at once
        raise _Ended

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(message: str, status: int) -> None:
    # A word of 3,000 letters, which somebody's file or shell made, would hide the rest of the sentence.
    message = re.sub(r"\S{400,}", lambda word: f"{word[0][:200]}…{word[0][-80:]}", message)
    print(harmless(message), file=sys.stderr)
    raise typer.Exit(status)


app = typer.Typer(
    cls=_Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
    help="Do RL-tuned language models reach mathematics that their base cannot?",
    epilog=_EPILOG,
)


@contextmanager
def only_result_on_stdout() -> Iterator[None]:
    """What libraries and their children print meanwhile goes to stderr; the result is printed afterwards."""
    if not (sys.stdout and sys.stderr):  # closed by who called; there is nothing to keep apart
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]

complete_sets, complete_models = one_of(set_names), one_of(model_names)
Set = Annotated[
    str,
    typer.Option(
        "--on", metavar="SET", help="A problem set (mathb problems) or a .jsonl file.", autocompletion=complete_sets
    ),
]
ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A model (mathb models) or a checkpoint folder.", autocompletion=complete_models
    ),
]
Attempts = Annotated[int, typer.Option(min=1, metavar="N", help="Most attempts a problem gets.")]

EngineName = Annotated[
    str,
    typer.Option(
        "--engine", metavar="NAME", help="transformers, vllm, server (any OpenAI-style API) or ray.",
        autocompletion=one_of(engine_names),
    ),
]  # fmt: skip
EngineOptions = Annotated[
    list[str],
    typer.Option(
        "-E", metavar="KEY=VALUE", help="Option of the engine, may be repeated: -E strict=true; a wrong one lists all."
    ),
]
ShardOption = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Only part I of N of the problems, as in a Slurm array.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what would be sampled at most, and stop.")]


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(mb.__version__)
        raise typer.Exit
