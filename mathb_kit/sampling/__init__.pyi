from .driver import SampleReport as SampleReport
from .dry_run import DryRun as DryRun
from .engine import (
    Chunk as Chunk,
    CommittingEngine as CommittingEngine,
    Completion as Completion,
    Engine as Engine,
    EngineFactory as EngineFactory,
    NotStored as NotStored,
    StoredOnly as StoredOnly,
    chunk_seed as chunk_seed,
)
from .engines import (
    ENGINES as ENGINES,
    OneAtATime as OneAtATime,
    engine_factory as engine_factory,
    get_engine as get_engine,
    parse_engine as parse_engine,
)
from .shard import Shard as Shard, parse_shard as parse_shard
