"""Engines by name, loaded only when something is left to sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model
from mathb_kit.sampling.engine import Chunk, CommittingEngine, Completion, Engine

EngineFactory = Callable[[Model], Engine | CommittingEngine]
"""Makes the engine of any model, e.g. of each of the two that are compared."""


def _transformers(model: Model, strict: bool = False, **options: Any) -> Engine:
    from mathb_kit.sampling.transformers_engine import TransformersEngine

    if strict:
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True)
        options["batch_rows"] = 1  # a chunk is a batch: no neighbour changes the order of a sum
    return TransformersEngine(model, **options)


def _vllm(model: Model, **options: Any) -> Engine:
    from mathb_kit.sampling.vllm_engine import VllmEngine

    return VllmEngine(model, **options)


def _server(model: Model, **options: Any) -> Engine:
    from mathb_kit.sampling.server_engine import ServerEngine

    return ServerEngine(model, **options)


ENGINES: dict[str, Callable[..., Engine]] = {"transformers": _transformers, "vllm": _vllm, "server": _server}
"""Engines that sample in or for this process; ``ray`` runs any of them in workers."""

# What each engine may be told from the command line.
_OPTIONS = {
    "transformers": {"strict"},
    "vllm": {"tensor_parallel", "strict"},
    "server": {"url", "name"},
    "ray": {"workers", "worker_engine", "gpus_per_worker", "tensor_parallel", "strict"},
}


class LazyEngine:
    """An engine that is opened at its first use: a run whose attempts are all in the store loads no weights.

    ``told`` is added to what the engine says of itself.
    """

    def __init__(self, open_engine: Callable[[], Engine], **told: Any) -> None:
        self._open, self._told = open_engine, told
        self._engine: Engine | None = None

    @property
    def opened(self) -> Engine:
        if self._engine is None:
            self._engine = self._open()
        return self._engine

    def sample(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Completion]]]:
        return self.opened.sample(chunks)

    def describe(self) -> dict[str, Any]:
        return self.opened.describe() | self._told

    def close(self) -> None:
        """Give back what the engine holds, e.g. vLLM's child process; the next use opens it again."""
        engine, self._engine = self._engine, None
        if hasattr(engine, "close"):
            engine.close()


def get_engine(model: Model, engine: str = "transformers", /, **options: Any) -> LazyEngine | CommittingEngine:
    """The named engine for a model.

    Args:
        model: what it samples from.
        engine: a key of ``ENGINES``, or ``ray``.
        options: passed to the engine, e.g. ``batch_rows``, ``tensor_parallel``, ``url``, or ``workers`` of
            `mathb_kit.sampling.ray_engine.RayEngine`. ``strict=True`` is for those who want the very same texts again:
            with transformers every chunk is its own batch under torch's deterministic algorithms, so that what a chunk
            says hangs on nothing but the chunk, on the same machine with the same packages and number of threads; with
            vLLM see `mathb_kit.sampling.vllm_engine.VllmEngine`; a server's batches are not ours to order.

    Raises:
        MathbError: unknown name, or ``strict`` where nobody can promise it.
    """
    if engine == "ray":
        from mathb_kit.sampling.ray_engine import RayEngine

        return RayEngine(model, **options)
    if engine not in ENGINES:
        raise MathbError(f"Unknown engine {engine!r}; choose one of {', '.join(_OPTIONS)}.")
    if engine == "server" and options.pop("strict", False):
        raise MathbError("A server may batch as it likes, so strict cannot be promised; use transformers or vllm.")
    told = {"strict": True} if options.get("strict") else {}
    return LazyEngine(lambda: ENGINES[engine](model, **options), **told)


@contextmanager
def opened(
    engine: Engine | CommittingEngine | EngineFactory | str | None, model: Model
) -> Iterator[Engine | CommittingEngine]:
    """An engine for a model: itself, or made by a factory or by name; what is made here is closed at the end.

    A factory may answer with a name, too, or with None for the default.
    """
    made = engine(model) if callable(engine) else engine
    if made is None or isinstance(made, str):
        made = get_engine(model, made or "transformers")
    try:
        yield made
    finally:
        if made is not engine and hasattr(made, "close"):
            made.close()


def engine_factory(
    engine: str = "transformers",
    *,
    url: str | None = None,
    name: str | None = None,
    tensor_parallel: int | None = None,
    workers: int | None = None,
    worker_engine: str | None = None,
    gpus_per_worker: float | None = None,
    strict: bool = False,
) -> EngineFactory:
    """An engine by the options of the command line, for any model; nothing is opened yet.

    Args:
        engine: ``transformers``, ``vllm``, ``server`` or ``ray``.
        url: of the server.
        name: of the model at the server.
        tensor_parallel: GPUs that share the model (vllm, also in Ray's workers).
        workers: Ray's, one engine each.
        worker_engine: the engine in each of Ray's workers.
        gpus_per_worker: declared to Ray; by default ``tensor_parallel``, or 1, where its cluster has GPUs.
        strict: see `get_engine`.

    Raises:
        MathbError: an unknown engine, or an option that does not go with it.
    """
    given = {key: value for key, value in locals().items() if key != "engine" and value is not None}
    if not strict:
        del given["strict"]
    if engine not in _OPTIONS:
        raise MathbError(f"Unknown engine {engine!r}; choose one of {', '.join(_OPTIONS)}.")
    if wrong := sorted(given.keys() - _OPTIONS[engine]):
        fitting = ", ".join(name for name, options in _OPTIONS.items() if wrong[0] in options)
        raise MathbError(f"The engine {engine} takes no {_dashed(wrong[0])}; that goes with {fitting}.")
    if engine == "server" and not url:
        raise MathbError("The engine server needs the address of an API: --url http://host:8000/v1.")
    if engine == "ray":
        inside = {key: given.pop(key) for key in ("tensor_parallel", "strict") if key in given}
        if worker_engine not in (None, "transformers", "vllm"):
            raise MathbError(f"Ray's workers run transformers or vllm, not {worker_engine!r}.")
        given["engine"] = engine_factory(given.pop("worker_engine", "transformers"), **inside)
        if tensor_parallel and gpus_per_worker is None:
            given["gpus_per_worker"] = tensor_parallel
    return lambda model: get_engine(model, engine, **given)


def _dashed(option: str) -> str:
    return f"--{option.replace('_', '-')}"
