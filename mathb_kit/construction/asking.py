"""Texts that a model is asked for about problems, kept in the store like any attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mathb_kit.draw import Draw
from mathb_kit.models.model import Model
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Engine, EngineFactory
from mathb_kit.sampling.engines import open_engine
from mathb_kit.store import Store


def with_prompt(model: Model, prompt: str) -> Model:
    """The model, asked by ``prompt`` ({problem} stands for the statement): as the user's turn of a chat where it has
    one, else as the whole prompt."""
    return replace(model, **{"user" if model.prompt == "chat" else "prompt": prompt})


def ask_about(
    problems: Sequence[Problem],
    model: Model,
    draw: str,
    times: int = 1,
    *,
    store: Store | None = None,
    engine: Engine | EngineFactory | None = None,
) -> dict[str, list[str]]:
    """What a model says of every problem; what it said before is read from the store.

    A reply that was cut, at the limit of tokens or by the server, is given as "": what it would have ended on nobody
    knows. The store keeps its text.

    Args:
        problems: no key twice.
        model: with the prompt that it is asked by.
        draw: name of the draw that keeps the texts.
        times: texts per problem.
        store, engine: as for `mathb_kit.evaluate`.

    Returns:
        ``times`` texts by problem key.

    Raises:
        MathbError: what sampling and the store report.
    """
    asked = Draw(store or Store(), model, draw)
    with open_engine(engine, model) as sampler:
        asked.sample(sampler, problems, times)
    texts = asked.attempts([problem.key for problem in problems], ["problem", "index", "text", "finish"])
    texts = texts[texts["index"] < times]
    texts["text"] = texts["text"].where(texts["finish"] == "stop", "")
    return {key: list(rows) for key, rows in texts.groupby("problem")["text"]}
