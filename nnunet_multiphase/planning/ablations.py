"""Planning, what a claim is measured against: the planner without one of the method's choices."""

from collections.abc import Callable, Mapping
from typing import Any

from nnunet_multiphase.planning.multiphase_scam_planner import MultiPhaseSCAMPlanner

PLAIN_SKIPS_PLANS_NAME = "nnUNetMultiPhaseSCAMPlainSkipsPlans"
LINEAR_MASKS_PLANS_NAME = "nnUNetMultiPhaseSCAMLinearMasksPlans"
FOCAL_LOSS_PLANS_NAME = "nnUNetMultiPhaseSCAMFocalLossPlans"
DICE_LOSS_PLANS_NAME = "nnUNetMultiPhaseSCAMDiceLossPlans"


class MultiPhaseSCAMPlannerPlainSkips(MultiPhaseSCAMPlanner):
    """Plan the network with its skips passed on as they are, without SCAM; patch and batch as with it."""

    default_plans_name = PLAIN_SKIPS_PLANS_NAME

    def get_plans_for_configuration(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Plan as with SCAM, then leave it out: a larger patch for the memory saved would be a second difference."""
        plan = super().get_plans_for_configuration(*args, **kwargs)
        plan["architecture"]["arch_kwargs"]["select_skips"] = False
        return plan


class MultiPhaseSCAMPlannerLinearMasks(MultiPhaseSCAMPlanner):
    """Resample masks linearly, class by class, instead of by nearest neighbour."""

    default_plans_name = LINEAR_MASKS_PLANS_NAME

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Callable, dict, Callable, dict]:
        """Resample images as the method does, masks linearly along every axis."""
        resample_image, image, resample_mask, mask = super().determine_resampling(*args, **kwargs)
        return resample_image, image, resample_mask, {**mask, "order": 1, "order_z": 1}


class _OneLoss(MultiPhaseSCAMPlanner):
    """Write weights of the loss into the plans, where the trainer reads them."""

    loss: Mapping[str, float]

    def save_plans(self, plans: dict[str, Any]) -> None:
        """Save the plans with the weights in them."""
        plans["multiphase_loss"] = dict(self.loss)
        super().save_plans(plans)


class MultiPhaseSCAMPlannerFocalLoss(_OneLoss):
    """Let the training minimise the focal loss alone."""

    default_plans_name = FOCAL_LOSS_PLANS_NAME
    loss: Mapping[str, float] = {"b": 0.0}


class MultiPhaseSCAMPlannerDiceLoss(_OneLoss):
    """Let the training minimise the Dice loss alone."""

    default_plans_name = DICE_LOSS_PLANS_NAME
    loss: Mapping[str, float] = {"a": 0.0}
