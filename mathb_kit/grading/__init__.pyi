from .conventions import CONVENTIONS as CONVENTIONS
from .explanation import Explanation as Explanation, explain as explain
from .extraction import (
    POLICIES as POLICIES,
    Extraction as Extraction,
    extract as extract,
    extract_all as extract_all,
)
from .files import grade_file as grade_file
from .grader import (
    Grade as Grade,
    Grader as Grader,
    grade as grade,
)
from .model_judge import ErrorRates as ErrorRates, ModelJudge as ModelJudge
from .stored import read_verdicts as read_verdicts
from .versions import EXTRACTOR_VERSION as EXTRACTOR_VERSION, GRADER_VERSION as GRADER_VERSION
