"""Engines by name, each in a file of its own, loaded only when something is left to sample."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model
from mathb_kit.sampling.engine import Chunk, CommittingEngine, Completion, Engine, EngineFactory
from mathb_kit.sampling.options import options_of

ENGINES = {
    "transformers": "mathb_kit.sampling.transformers_engine:TransformersEngine",
    "vllm": "mathb_kit.sampling.vllm_engine:VllmEngine",
    "server": "mathb_kit.sampling.server_engine:ServerEngine",
    "ray": "mathb_kit.sampling.ray_engine:RayEngine",
}
"""Where each engine's class is. Its constructor takes the model first; what else it takes are the engine's options, on
the command line (``-E key=value``) those annotated as int, float, bool or str. One with an option ``engine`` runs
another engine, which gets the options that are not its own."""


class LazyEngine:
    """An engine that is opened at its first use: a run whose attempts are all in the store loads no weights."""

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self._open = open_engine
        self._engine: Engine | None = None
        self.on_tokens: Callable[[int], None] | None = None

    @property
    def opened(self) -> Engine:
        if self._engine is None:
            self._engine = self._open()
        return self._engine

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        engine = self.opened
        if hasattr(engine, "on_tokens"):
            engine.on_tokens = self.on_tokens
        return engine.sample(chunks)

    def describe(self) -> dict[str, Any]:
        return self.opened.describe()

    def close(self) -> None:
        """Give back what the engine holds, e.g. vLLM's child process; the next use opens it again."""
        engine, self._engine = self._engine, None
        if hasattr(engine, "close"):
            engine.close()


class _KeptEngine(LazyEngine):
    """One that whoever borrowed it cannot close."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


class OneAtATime:
    """A factory whose engine stays open for the next evaluation of the same model; another model's closes it first.

    vLLM takes a minute to start, and two of it do not fit onto one GPU. A context manager: at its end all is closed,
    and the next use opens again. An engine whose workers commit for themselves is handed out as it is.
    """

    def __init__(self, make: EngineFactory) -> None:
        self._make = make
        self._model: Model | None = None
        self._engine: _KeptEngine | None = None

    def __call__(self, model: Model) -> LazyEngine | CommittingEngine:
        if self._engine is None or self._model != model:
            self._close()
            engine = _by_name(self._make(model), model)
            if isinstance(engine, CommittingEngine):
                return engine
            self._model, self._engine = model, _KeptEngine(lambda: engine)
        return self._engine

    def __enter__(self) -> OneAtATime:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.end()


@dataclass(frozen=True)
class NamedEngine:
    """An engine of ``ENGINES`` with its options, for any model; it can be sent to another process."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, model: Model) -> LazyEngine | CommittingEngine:
        engine = partial(_class_of(self.name), model, **self.options)
        # One whose workers commit for themselves opens nothing before it is used.
        return engine() if hasattr(engine.func, "commit") else LazyEngine(engine)


def get_engine(model: Model, engine: str = "transformers", /, **options: Any) -> LazyEngine | CommittingEngine:
    """The named engine for a model; nothing is opened yet. See `engine_factory`."""
    return engine_factory(engine, **options)(model)


def engine_factory(name: str = "transformers", /, **options: Any) -> NamedEngine:
    """The named engine for any model; nothing is opened yet.

    Args:
        name: a key of ``ENGINES``.
        options: passed to the engine, e.g. ``batch_rows``, ``tensor_parallel``, ``url``, or ``workers`` of
            `mathb_kit.sampling.ray_engine.RayEngine`. ``strict=True`` is for those who want the very same texts again:
            see `mathb_kit.sampling.transformers_engine.TransformersEngine` and
            `mathb_kit.sampling.vllm_engine.VllmEngine`; a server's batches are not ours to order.

    Raises:
        MathbError: an unknown engine, an option that it does not take, or one that it needs.
    """
    takes = options_of(name, _class_of(name))
    if takes.runs_another:
        inner = options.pop("engine", "transformers")
        if isinstance(inner, str):
            inner = engine_factory(inner, **{key: options.pop(key) for key in list(options) if key not in takes.types})
        options["engine"] = inner
    takes.check(options)
    return NamedEngine(name, options)


def parse_engine(name: str, options: Iterable[str]) -> NamedEngine:
    """The engine that the command line names, with its options as words: ``parse_engine("vllm", ["strict=true"])``.

    Raises:
        MathbError: as `engine_factory`, or a word that is not ``key=value``, or a value of another type.
    """
    takes = options_of(name, _class_of(name))
    words = {}
    for word in options:
        key, equals, text = word.partition("=")
        if not equals:
            raise MathbError(f"{word!r} is no option of the engine {name}; write key=value: {takes}.")
        words[key] = text
    inner = takes
    if takes.runs_another:
        other = words.get("engine", "transformers")
        inner = options_of(other, _class_of(other))
    values = {key: (takes if key in takes.types else inner).read(key, text) for key, text in words.items()}
    return engine_factory(name, **values)


@contextmanager
def open_engine(
    engine: Engine | CommittingEngine | EngineFactory | str | None, model: Model
) -> Iterator[Engine | CommittingEngine]:
    """An engine for a model: itself, or made by a factory or by name; what is made here is closed at the end.

    A factory may answer with a name, too, or with None for the default.
    """
    sampler = _by_name(engine(model) if callable(engine) else engine, model)
    try:
        yield sampler
    finally:
        if sampler is not engine and hasattr(sampler, "close"):
            sampler.close()


def _by_name(
    engine: Engine | CommittingEngine | str | None, model: Model
) -> Engine | CommittingEngine:
    return get_engine(model, engine or "transformers") if engine is None or isinstance(engine, str) else engine


def _class_of(name: str) -> Callable[..., Any]:
    if name not in ENGINES:
        raise MathbError(f"Unknown engine {name!r}; choose one of {', '.join(ENGINES)}.")
    return pkgutil.resolve_name(ENGINES[name])
