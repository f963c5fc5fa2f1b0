"""Attempts, answers and grades on disk, as immutable Parquet shards.

Beyond the `Store` itself: `mathb_kit.store.views` counts, `compaction` packs small shards, `export` writes them out.
"""

from mathb_kit.store.store import Store
