"""Rows of a set from the Hugging Face hub, in the columns of its local copies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.problems.files import Rows
from mathb_kit.problems.registry import Fields, SetEntry

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_A_TIME = 1000  # few, because a row of DeepMath holds three long solutions
_BYTES_AT_A_TIME = 1 << 22


class HubRows:
    """The rows of a registered set on the hub; iterate once or again.

    Args:
        name: of the set, for error messages.
        entry: where on the hub it lies.
        revision: another commit than the registry's.
        ask: whether the hub may be asked; else only what its client has kept counts. Its tries would take half a minute
            where it is out of reach. Who set HF_HUB_OFFLINE, to 0 or 1, is obeyed.

    Attributes:
        revision: the commit that is read, resolved by the hub.

    Raises:
        MathbError: the set is not to be had, at once or while reading; names both remedies.
    """

    def __init__(self, name: str, entry: SetEntry, revision: str | None = None, *, ask: bool = True) -> None:
        self.name, self.entry, self.hub = name, entry, entry.hub
        self._asking = nullcontext if ask or "HF_HUB_OFFLINE" in os.environ else _asking_nobody
        try:
            import datasets

            with self._asking():
                self._builder = datasets.load_dataset_builder(
                    self.hub.path, self.hub.config, revision=revision or self.hub.revision
                )
        except Exception as error:  # the hub client raises a dozen unrelated types; all mean "not to be had"
            raise self._not_to_be_had(error) from error
        self.revision = self._builder.hash

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        located = self._raw()
        return _renamed(located, self.hub.fields, self.entry.fields) if self.hub.fields else iter(located)

    def _raw(self) -> Rows:
        number = 0
        try:
            for batch in self._columns() if self.hub.columns else self._table():
                for row in batch.to_pylist():
                    number += 1
                    yield f"{self.hub.path}, row {number}", row
        except MathbError:
            raise
        except Exception as error:  # as above
            raise self._not_to_be_had(error) from error

    def _table(self) -> Iterator[pa.Table]:
        with self._asking():
            self._builder.download_and_prepare()
        # In Arrow's format pictures stay undecoded.
        rows = self._builder.as_dataset(split=self.hub.split).with_format("arrow")
        yield from rows.iter(batch_size=_ROWS_AT_A_TIME)

    def _columns(self) -> Iterator[pa.RecordBatch]:
        """Some columns of Parquet files, which alone are transferred; nothing is kept on disk.

        `datasets` streams, too, but decodes whole row groups ahead: 1.7 GB for groups of a million rows like DAPO's.
        """
        import fsspec
        import pyarrow.parquet as pq

        for url in self._builder.config.data_files[self.hub.split]:
            with fsspec.open(url) as stream, pq.ParquetFile(stream, buffer_size=_BYTES_AT_A_TIME) as file:
                if missing := [column for column in self.hub.columns if column not in file.schema_arrow.names]:
                    raise MathbError(
                        f"{self.hub.path} has no column {missing[0]!r} at revision {self.revision}; read it at "
                        f"{self.entry.hub.revision or 'an earlier one'}."
                    )
                yield from file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=list(self.hub.columns))

    def _not_to_be_had(self, error: Exception) -> MathbError:
        reason = str(error).strip().split("\n", 1)[0][:200]
        return MathbError(
            f"{self.name} could not be fetched from the hub ({self.hub.path}: {type(error).__name__}: {reason}); go "
            f"online, or run `mathb problems fetch {self.name} --to FOLDER` where there is a network and let "
            f"MATHB_DATA_DIR name that folder (your own copy goes there as {self.entry.files[0]}.jsonl)."
        )


@contextmanager
def _asking_nobody() -> Iterator[None]:
    from unittest import mock

    import datasets
    import huggingface_hub

    with (
        mock.patch.object(datasets.config, "HF_HUB_OFFLINE", True),
        mock.patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True),
    ):
        yield


def _renamed(located: Rows, hub: Fields, local: Fields) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, (where, row) in enumerate(located, 1):
        if local.id and not hub.id:
            row[local.id] = str(number)
        for old, new in ((hub.id, local.id), (hub.statement, local.statement), (hub.gold, local.gold)):
            if old in row and old != new:
                row[new] = row.pop(old)
        yield where, row
