"""Say who may be compared: how each contestant's dataset is made, and how nnU-Net is asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnunet_multiphase.errors import InputError


@dataclass(frozen=True)
class DatasetKind:
    """Say how the phases of a dataset came to lie where they do.

    Attributes:
        name: Part of nnU-Net's name of it.
        number: nnU-Net's number of it, where the benchmark makes it.
        needs_raw: Whether it is made from the raw cases; otherwise from the dataset that all are compared on.
    """

    name: str
    number: int
    needs_raw: bool = True


REGISTERED = DatasetKind("BenchmarkRegistered", 901, needs_raw=False)
"""All phases, registered rigidly by us, or the dataset given."""
REFERENCE = DatasetKind("BenchmarkReference", 902, needs_raw=False)
"""The same cases with each one's reference phase alone."""
UNREGISTERED = DatasetKind("BenchmarkUnregistered", 903)
"""All phases where their headers put them."""
SIMPLEITK = DatasetKind("BenchmarkSimpleITK", 904)
"""All phases, registered by the usual recipe of SimpleITK's users."""
DEFORMABLE = DatasetKind("BenchmarkDeformable", 905)
"""All phases, registered by us, bent where that is worth it."""
KINDS = (REGISTERED, REFERENCE, UNREGISTERED, SIMPLEITK, DEFORMABLE)


@dataclass(frozen=True)
class Contestant:
    """Name a contestant and what sets it apart.

    Attributes:
        name: As typed after --contestants, and the name of its folder.
        what: What it is, in a line.
        planner: nnU-Net's -pl.
        plans: The name of the plans that the planner writes, nnU-Net's -p.
        trainer: nnU-Net's -tr.
        dataset: What it is trained on.
    """

    name: str
    what: str
    planner: str
    plans: str
    trainer: str
    dataset: DatasetKind = REGISTERED


def _ours(name: str, what: str, dataset: DatasetKind = REGISTERED, choice: str = "") -> Contestant:
    return Contestant(
        name,
        what,
        f"MultiPhaseSCAMPlanner{choice}",
        f"nnUNetMultiPhaseSCAM{choice}Plans",
        "MultiPhaseSCAMTrainer",
        dataset,
    )


CONTESTANTS: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        Contestant("vanilla", "nnU-Net as it comes", "ExperimentPlanner", "nnUNetPlans", "nnUNetTrainer"),
        Contestant(
            "resenc_m",
            "nnU-Net with the residual encoder M, its maintainers' baseline",
            "nnUNetPlannerResEncM",
            "nnUNetResEncUNetMPlans",
            "nnUNetTrainer",
        ),
        _ours("ours", "the method"),
        _ours("single_phase", "the method on each case's reference phase alone", REFERENCE),
        _ours("unregistered", "the method on phases placed by their headers", UNREGISTERED),
        _ours("simpleitk", "the method on phases registered by SimpleITK's usual recipe", SIMPLEITK),
        _ours("deformable", "the method on phases that may bend besides", DEFORMABLE),
        _ours("plain_skips", "the method without SCAM", choice="PlainSkips"),
        _ours("undilated", "the method without dilation", choice="Undilated"),
        _ours("focal", "the method with the focal loss alone", choice="FocalLoss"),
        _ours("dice", "the method with the Dice loss alone", choice="DiceLoss"),
        _ours("linear_masks", "the method with masks resampled linearly", choice="LinearMasks"),
    )
}

OTHER_NAMES: dict[str, str] = {"headers": "unregistered", "rigid": "ours"}
"""Names of the same thing: phases placed by their headers are not registered, and ours registers rigidly."""


def choose_against(typed: str | None, contestants: Sequence[str], what: str = "contestants") -> str | None:
    """Look up the one that the others are compared with.

    Args:
        typed: Its name, or another name of the same thing; None: nobody was named.
        contestants: Those that can be.
        what: They are called so in the message.

    Returns:
        Its name among them; None: nobody was named.

    Raises:
        InputError: It is none of them.
    """
    if typed is None or typed in contestants:
        return typed
    name = OTHER_NAMES.get(typed)
    if name not in contestants:
        raise InputError(f"{typed} cannot be compared with: {what} are {', '.join(contestants)}")
    return name


def choose_contestants(
    names: Sequence[str], *, from_raw: bool, registration: str | None = "rigid"
) -> tuple[Contestant, ...]:
    """Look contestants up.

    Args:
        names: Names, in the order of the table.
        from_raw: Whether the raw cases are given.
        registration: Model of the registration ("rigid", "deformable", "auto") that the given dataset was made with; None:
            nobody knows.

    Returns:
        The contestants, in the same order.

    Raises:
        InputError: A name is unknown, two are the same thing, or one needs the raw cases.
    """
    chosen: dict[str, str] = {}  # contestant -> as typed
    for typed in names:
        name = OTHER_NAMES.get(typed, typed)
        if name not in CONTESTANTS:
            raise InputError(
                f"--contestants {typed} is unknown: expected one of {', '.join([*CONTESTANTS, *OTHER_NAMES])}"
            )
        if name in chosen:
            same = (
                f"{typed} and {chosen[name]} are the same thing"
                if chosen[name] != typed
                else f"{typed} is named twice"
            )
            raise InputError(f"--contestants: {same}; name one of them once")
        lacks_raw = CONTESTANTS[name].dataset.needs_raw or (typed == "rigid" and registration != "rigid")
        if lacks_raw and not from_raw:
            raise InputError(
                f"--contestants {typed} needs phases placed otherwise than in the dataset given: give the folder of the raw "
                "cases instead of -d, from which the benchmark makes all datasets itself"
            )
        chosen[name] = typed
    if not chosen:
        raise InputError("--contestants names nobody: expected at least one, such as vanilla ours")
    return tuple(CONTESTANTS[name] for name in chosen)
