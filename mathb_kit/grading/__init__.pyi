from .extraction import (
    EXTRACTOR_VERSION as EXTRACTOR_VERSION,
    POLICIES as POLICIES,
    Extraction as Extraction,
    extract as extract,
    extract_all as extract_all,
)
from .files import grade_file as grade_file
from .grader import (
    GRADER_VERSION as GRADER_VERSION,
    VERDICTS as VERDICTS,
    Grade as Grade,
    Grader as Grader,
    grade as grade,
)
from .stored import read_verdicts as read_verdicts
