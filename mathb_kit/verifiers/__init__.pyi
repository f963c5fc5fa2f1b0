from .catalogue import Catalogue as Catalogue, load_catalogue as load_catalogue
from .comparison import overview as overview, read_comparison as read_comparison, run_verifiers as run_verifiers
from .failure_modes import (
    FailureCase as FailureCase,
    load_failure_modes as load_failure_modes,
    mode_titles as mode_titles,
)
from .rows import comparison_rows as comparison_rows, rows_by_source as rows_by_source
from .sensitivity import (
    decided_symbolically as decided_symbolically,
    reach_by_policy as reach_by_policy,
    resting_on_one as resting_on_one,
    rung_shares as rung_shares,
)
from .tables import (
    disagreements as disagreements,
    failure_table as failure_table,
    framework_table as framework_table,
    label_agreement as label_agreement,
    slowest as slowest,
)
