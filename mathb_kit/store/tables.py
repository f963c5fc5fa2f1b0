"""What the rows of the store's three kinds of shards hold."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa


def _schema(*, optional: Collection[str] = (), **types: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, type_, nullable=name in optional) for name, type_ in types.items()])


ATTEMPTS = _schema(
    model=pa.string(),
    problem=pa.string(),
    draw=pa.string(),
    index=pa.int32(),
    first=pa.int32(),
    seed=pa.int64(),
    text=pa.string(),
    tokens=pa.int32(),
    finish=pa.string(),
    optional=("text",),
)
ANSWERS = _schema(
    model=pa.string(),
    problem=pa.string(),
    draw=pa.string(),
    index=pa.int32(),
    answer=pa.string(),
    truncated=pa.bool_(),
    tokens=pa.int32(),
    optional=("answer",),
)
GRADES = _schema(gold=pa.string(), answer=pa.string(), verdict=pa.string(), rung=pa.string(), optional=("rung",))
