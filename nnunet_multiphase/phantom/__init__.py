"""Make a synthetic multi-phase liver CT cohort with known truth."""

from nnunet_multiphase.phantom.cohort import make_cohort

__all__ = ["make_cohort"]
