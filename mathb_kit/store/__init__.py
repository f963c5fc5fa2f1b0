"""Attempts, answers and grades on disk, as immutable Parquet shards."""

from mathb_kit.store.store import Store, runs_root, store_root

__all__ = ["Store", "runs_root", "store_root"]
