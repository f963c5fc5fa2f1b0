"""Results that were sampled elsewhere: counts and logs of other tools, read into the tables that statistics read.

Whatever comes in is marked as sampled elsewhere, with its file, its settings as far as they are known, and who graded
it. Counts stand as they are; texts are graded by this project's grader, and the log's own verdict is kept beside.
"""

from mathb_kit.foreign.arms import Arms, arms_of, open_samples
from mathb_kit.foreign.counts import counts_from_frame, read_foreign_counts
from mathb_kit.foreign.reading import format_of, import_files
from mathb_kit.foreign.samples import (
    ELSEWHERE,
    Samples,
    import_name,
    imported_names,
    load_samples,
    require_comparable,
)
from mathb_kit.foreign.tables import read_counts_table
from mathb_kit.foreign.texts import compare_verdicts, remarks, samples_from_attempts

__all__ = [
    "ELSEWHERE",
    "Arms",
    "Samples",
    "arms_of",
    "compare_verdicts",
    "counts_from_frame",
    "format_of",
    "import_files",
    "import_name",
    "imported_names",
    "load_samples",
    "open_samples",
    "read_foreign_counts",
    "read_counts_table",
    "remarks",
    "require_comparable",
    "samples_from_attempts",
]
