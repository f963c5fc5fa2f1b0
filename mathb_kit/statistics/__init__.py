"""pass@k for fixed and adaptive plans, intervals for both questions, planning, reach with its controls, chance."""

from mathb_kit.statistics.adaptive import estimate_pass_at_k, exact_at_least, exact_pass_at_k
from mathb_kit.statistics.answer_spread import answer_spread, spread_difference
from mathb_kit.statistics.at_least import reach_at_least
from mathb_kit.statistics.beyond import pass_at_k_beyond
from mathb_kit.statistics.bootstrap import Bootstrap, bootstrap_mean_interval, difference_over_runs
from mathb_kit.statistics.chance import (
    chance_by_problem,
    chance_corrected,
    chance_curve,
    magnitude_strata,
    uniform_chance,
)
from mathb_kit.statistics.curves import attempts_saved, paired_difference, pass_at_k_curve
from mathb_kit.statistics.equivalent_k import base_equivalent_k, crossing_point
from mathb_kit.statistics.forecast import most_savings, plan_cost
from mathb_kit.statistics.fresh_attempts import fresh_attempts_interval, redraw_interval
from mathb_kit.statistics.frozen_null import FrozenNull, frozen_null, frozen_null_runs
from mathb_kit.statistics.gains import detectable_gain, gain_power, gains_by_problem
from mathb_kit.statistics.half_draws import expansion_by_half_draws, outcome_bounds
from mathb_kit.statistics.homogeneity import Homogeneity, homogeneity
from mathb_kit.statistics.intervals import difference_interval, mean_interval, proportion_interval
from mathb_kit.statistics.majority import (
    bayes_at_n,
    cover,
    g_pass_at_k,
    maj_at_k,
    mean_g_pass_at_k,
    neighbours,
    pass_hat_k,
)
from mathb_kit.statistics.mcnemar import mcnemar
from mathb_kit.statistics.pass_at_k import pass_at_k
from mathb_kit.statistics.planning import PlanChoice, PlanRequest, candidate_plans, choose_plan
from mathb_kit.statistics.reach import (
    Rate,
    ReachComparison,
    compare_reach,
    expansion_curve,
    newly_reached,
    reach,
    unsolved,
)
from mathb_kit.statistics.redraws import RedrawTest, beside_redraws, exchangeable_test
from mathb_kit.statistics.sharpening import SharpeningNull, rescaling_power, sharpening_null, sharpening_of_pair
from mathb_kit.statistics.success_rates import (
    SuccessRates,
    beta_success_rates,
    fit_success_rates,
    fit_zero_inflated_beta,
)
from mathb_kit.statistics.support import support_dynamics
