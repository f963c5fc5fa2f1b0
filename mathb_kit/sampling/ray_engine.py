"""Sampling in Ray actors: one engine each, on as many machines as the cluster has.

Ray places the actors, hands out work and restarts what dies. A worker gets a share of the chunks and commits them to
the shared store by the driver's own code, so that results do not travel and every rule of the store holds: a share
that is tried again, or a driver that is started again, first looks for what is there.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model
from mathb_kit.places import runs_root
from mathb_kit.sampling.driver import commit_chunks
from mathb_kit.sampling.engine import Chunk, Committed, EngineFactory
from mathb_kit.store.draw import StoredDraw, with_absolute_paths

_TRIES = 4  # of a share, before what kills its workers is taken to be the share itself
_LEAST = 512  # attempts: a full batch of the transformers engine
_POLL_SECONDS = 2.0
_END_SECONDS = 30.0
_LOCAL_OBJECTS = 2**28  # bytes for objects where no cluster runs: only chunks travel
_PASSED_ON = ("MATHB_", "HF_", "VLLM_")  # environment variables that workers on other machines should have, too


class RayEngine:
    """Samples with any engine in Ray actors; its workers write the shards.

    It joins the cluster that ``RAY_ADDRESS`` names or that runs on this machine, else it starts one here. Every machine
    needs the same Python environment and the store's folder at the same path. A worker that is killed is started again
    and loses the chunks that it had not committed, as `sample` does (the last seconds); the driver can be started again
    at any time.

    Args:
        model: what the workers sample from.
        engine: makes the engine of each worker; on the command line its name, beside its options.
        workers: number of actors.
        gpus_per_worker: declared to Ray, which then gives no GPU to two workers; by default the engine's
            ``tensor_parallel``, or 1 where the cluster has any.

    Raises:
        MathbError: at the first use or later: no Ray, too small a cluster, a share that kills every worker, and what
            the engines and the store report.
    """

    def __init__(
        self, model: Model, engine: EngineFactory, workers: int = 1, gpus_per_worker: float | None = None
    ) -> None:
        if workers < 1:
            raise MathbError(f"Ray needs at least one worker, not {workers}.")
        if (name := getattr(engine, "name", None)) in ("server", "ray"):
            raise MathbError(f"Ray's workers run transformers or vllm, not {name!r}.")
        self.model, self.workers, self._engine = with_absolute_paths(model), workers, engine
        asked = getattr(engine, "options", {}).get("tensor_parallel")  # only an engine by name shows its options
        self._gpus = asked if gpus_per_worker is None else gpus_per_worker
        self._actors: list[Any] = []

    def commit(self, chunks: Sequence[Chunk], draw: StoredDraw) -> Iterator[Committed]:
        """See `CommittingEngine.commit`."""
        ray = _ray()
        from ray.util import ActorPool

        # Texts do not travel to the driver: how far the workers are is read off the store, their tokens and how the
        # attempts ended at the end.
        draw.store.root.mkdir(parents=True, exist_ok=True)
        there = seen = sum(draw.engines().values())
        pool = ActorPool(self._started())
        for share in shares(chunks, self.workers):
            pool.submit(lambda actor, share: actor.commit.remote(share, draw), share)
        finished = False
        try:
            while pool.has_next():
                try:
                    pool.get_next_unordered(timeout=_POLL_SECONDS)
                except TimeoutError:
                    pass
                there = sum(draw.engines().values())
                yield Committed(there - seen, 0, 0, 0)
                seen = there
            finished = True
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, MathbError) else error
        except ray.exceptions.RayError as error:
            raise MathbError(
                f"Ray gave up on a share of the chunks after {_TRIES} tries ({str(error).strip().splitlines()[0]}); "
                "finished attempts are kept: run again, perhaps with fewer workers or smaller batches."
            ) from error
        finally:
            if not finished:
                self._kill()  # they are at work and would go on
        yield _what_came(chunks, draw)

    def close(self) -> None:
        """End the workers; the next use starts others."""
        if self._actors:
            closing = [actor.close.remote() for actor in self._actors]
            _ray().wait(closing, num_returns=len(closing), timeout=_END_SECONDS)
        self._kill()

    def _kill(self) -> None:
        actors, self._actors = self._actors, []
        for actor in actors:
            _ray().kill(actor)

    def _started(self) -> list[Any]:
        ray = _ray()
        if not self._actors:
            gpus = self._gpus
            if gpus is None:
                gpus = 1 if ray.cluster_resources().get("GPU") else 0
            _check_room(self.workers, gpus)
            actor = ray.remote(_Worker).options(
                num_cpus=1,
                num_gpus=gpus,
                max_restarts=-1,
                max_task_retries=_TRIES - 1,
                runtime_env={"env_vars": _environment()},
            )
            self._actors = [actor.remote(self.model, self._engine) for _ in range(self.workers)]
        return self._actors


class _Worker:
    """What runs in an actor."""

    def __init__(self, model: Model, engine: EngineFactory) -> None:
        self._engine = engine(model)

    def commit(self, chunks: Sequence[Chunk], draw: StoredDraw) -> None:
        import ray

        if not draw.store.root.is_dir():
            raise MathbError(
                f"The store {draw.store.root} is not on {socket.gethostname()}; it must be on a disk that all "
                "machines share, at the same path (MATHB_RUNS moves it)."
            )
        # Ray repeats a share whose machine was lost, and does not know how far it got. The store does: chunks that are
        # committed are left out, so that no attempt is sampled or counted twice.
        done = draw.done()
        left = [c for c in chunks if not done.get(c.problem_key, set()).issuperset(range(c.first, c.first + c.size))]
        if left:
            for _ in commit_chunks(self._engine, left, draw, ray=ray.__version__, node=socket.gethostname()):
                pass

    def close(self) -> None:
        if hasattr(self._engine, "close"):
            self._engine.close()


def shares(chunks: Sequence[Chunk], workers: int, least: int = _LEAST) -> Iterator[list[Chunk]]:
    """Chunks in runs that shrink: few pauses between shares at first, and no long wait for one worker at the end.

    Each share has the attempts still left over twice the number of workers, ``least`` at least, rounded up to whole
    chunks (guided self-scheduling: Polychronopoulos & Kuck 1987, halved).
    """
    left = sum(chunk.size for chunk in chunks)
    share: list[Chunk] = []
    size = 0
    for chunk in chunks:
        share.append(chunk)
        size += chunk.size
        if size >= max(least, left / (2 * workers)):
            yield share
            left, share, size = left - size, [], 0
    if share:
        yield share


def _ray() -> Any:
    """Ray, connected."""
    try:
        import ray
    except ImportError:
        raise MathbError("Ray is not installed; install mathb_kit[ray] on every machine of the cluster.") from None
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(address="auto", logging_level=logging.WARNING)
        except ConnectionError:
            _start_here(ray)
    return ray


def _start_here(ray: Any) -> None:
    try:
        ray.init(include_dashboard=False, object_store_memory=_LOCAL_OBJECTS, logging_level=logging.WARNING)
    except Exception as error:  # Ray raises no narrower one, e.g. when this machine is too busy
        if type(error) is not Exception:
            raise
        raise MathbError(
            f"Ray did not start ({error}); close other programs, or start a cluster with `ray start --head`."
        ) from error


def _check_room(workers: int, gpus: float) -> None:
    """Refuse what Ray would wait for without end: a worker needs a core and its GPUs on one machine."""
    import ray

    room = 0
    for node in ray.nodes():
        has = node["Resources"] if node["Alive"] else {}
        room += int(min(has.get("CPU", 0), has.get("GPU", 0) / gpus if gpus else has.get("CPU", 0)))
    if room < workers:
        need = f"1 CPU and {gpus:g} GPU{'s' if gpus > 1 else ''}" if gpus else "1 CPU"
        raise MathbError(
            f"Ray's cluster has room for {room} workers of {need} each, not {workers}; ask for fewer, or add machines."
        )


def _environment() -> dict[str, str]:
    """Settings of this process for workers elsewhere; secrets stay, because Ray shows these to whoever can ask it."""
    passed = {
        key: value
        for key, value in os.environ.items()
        if key.startswith(_PASSED_ON) and not key.endswith(("_KEY", "_TOKEN"))
    }
    return passed | {"MATHB_RUNS": str(runs_root().resolve())}


def _what_came(chunks: Sequence[Chunk], draw: StoredDraw) -> Committed:
    """Tokens and ends of these chunks, out of the store; their attempts were counted as they came.

    Raises:
        MathbError: not all of them are in it.
    """
    asked = pd.DataFrame(
        [(chunk.problem_key, index) for chunk in chunks for index in range(chunk.first, chunk.first + chunk.size)],
        columns=["problem", "index"],
    )
    columns = ["problem", "index", "tokens", "finish"]
    rows = draw.attempts(set(asked["problem"]), columns).merge(asked)
    if len(rows) < len(asked):
        raise MathbError(
            f"The workers are done, yet {len(asked) - len(rows):,} of {len(asked):,} attempts are not in "
            f"{draw.store.root}; it must be on a disk that all machines share (MATHB_RUNS moves it). Run again."
        )
    truncated, cut = (int((rows["finish"] == end).sum()) for end in ("length", "cut"))
    return Committed(0, int(rows["tokens"].sum()), truncated, cut)
