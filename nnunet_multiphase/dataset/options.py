"""What a dataset depends on beside the raw cases: checked when it is said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nnunet_multiphase.cases.inputs import Inputs
from nnunet_multiphase.dataset.target_classes import LESIONS, TargetClasses
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import ON_FAILURE, PHASES

MISSING = ("error", "skip", "fill")


@dataclass(frozen=True)
class DatasetOptions:
    """What the dataset of a cohort is to be.

    Attributes:
        inputs: In what form the cohort comes.
        missing: A case without one of `phases`: "error" refuses the cohort, "skip" leaves the case out, "fill" gives
            it a channel of -1024 HU and records that.
        on_failure: What to do with a phase whose registration failed: one of `phases.ON_FAILURE`.
        phases: The channels, in this order, at least two; None: all that the form of the inputs has.
        targets: What the labels are: lesions, or liver and lesions; the liver needs a mask on every reference.
        test_fraction: Share of the patients for imagesTs, 0 to below 1.
        folds: Cross-validation folds, at least 2.
        seed: Of the split and the registrations.
        accept: Names of the checks of plausibility (`check_names.CHECKS`) that are overruled; what they find is recorded.

    Raises:
        InputError: One of them makes no sense.
    """

    inputs: Inputs = Inputs()  # noqa: RUF009 (frozen)
    missing: str = "error"
    on_failure: str = "check"
    phases: Sequence[str] | None = None
    targets: TargetClasses = LESIONS
    test_fraction: float = 0.2
    folds: int = 5
    seed: int = 0
    accept: Collection[str] = ()

    def __post_init__(self) -> None:
        """Check."""
        channels = self.channels
        least = min(2, len(self.inputs.phases))  # a set of one phase can be nothing else
        unknown = [phase for phase in channels if phase not in PHASES]
        if unknown:
            raise InputError(f"unknown phase {', '.join(unknown)}: the known ones are {', '.join(PHASES)}")
        if len(set(channels)) < least or len(set(channels)) != len(channels):
            raise InputError(f"expected at least two different phases, found {', '.join(channels) or 'none'}")
        if self.missing not in MISSING:
            raise InputError(
                f"unknown choice {self.missing!r} for missing phases: expected one of {', '.join(MISSING)}"
            )
        if self.on_failure not in ON_FAILURE:
            raise InputError(
                f"unknown choice {self.on_failure!r} for failed registrations: expected one of {', '.join(ON_FAILURE)}"
            )
        if not 0 <= self.test_fraction < 1:
            raise InputError(f"the test fraction is {self.test_fraction:g}: expected 0 to below 1")
        if self.folds < 2:
            raise InputError(f"the number of folds is {self.folds}: expected 2 or more")
        if self.seed < 0:
            raise InputError(f"the seed is {self.seed}: expected 0 or more")

    @property
    def channels(self) -> tuple[str, ...]:
        """The phases that become channels, in their order."""
        return tuple(self.inputs.phases if self.phases is None else self.phases)
