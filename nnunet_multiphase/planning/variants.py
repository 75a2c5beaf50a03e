"""Planning, short forms: the planner with one choice changed, for another network on the same data."""

from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner

UNDILATED_PLANS_NAME = "nnUNetMultiPhaseSCAMUndilatedPlans"


class MultiPhaseSCAMPlannerUndilated(MultiPhaseSCAMPlanner):
    """Plan the network without dilation, a sixth faster.

    In short trainings no difference showed on the real cohort, and it was better on the phantom where voxels are
    coarse (docs/results_network.md). Not the default, because dilation everywhere is what the method promises.
    """

    rates = (1,)
    default_plans_name = UNDILATED_PLANS_NAME
