"""`Draw`: one model's attempts under one name, from what is missing to what is counted."""

from __future__ import annotations

import pandas as pd

from mathb_kit.grading import GRADER_VERSION, stored
from mathb_kit.outcomes import outcomes_from_verdicts
from mathb_kit.plan import Plan
from mathb_kit.sampling import driver
from mathb_kit.sampling import dry_run as pricing
from mathb_kit.store.draw import StoredDraw


class Draw(StoredDraw):
    """The attempts of a model under a name, in a store: ``Draw(Store(), get_model("mini-base-1"))``.

    Its fields, the model's key and the reading of attempts are those of `StoredDraw`. It can be sent to another
    process. ::

        draw.sample(engine, problems, plan)
        verdicts = draw.verdicts({problem.key: problem.gold for problem in problems}, grader)
        outcomes = draw.outcomes(verdicts, plan)

    `mathb_kit.evaluation.evaluate` does these in rounds.
    """

    # Sampling and grading do not know each other, so each verb lives in its own room; here they meet in one noun.
    missing = driver.missing_chunks
    dry_run = pricing.dry_run
    sample = driver.sample
    verdicts = stored.read_verdicts

    def outcomes(self, verdicts: pd.DataFrame, plan: Plan) -> pd.DataFrame:
        """Count these verdicts as far as the plan goes: `outcomes_from_verdicts`, the model's ``name`` in front."""
        outcomes = outcomes_from_verdicts(verdicts, plan, GRADER_VERSION)
        outcomes.insert(0, "name", self.model.name)
        return outcomes
