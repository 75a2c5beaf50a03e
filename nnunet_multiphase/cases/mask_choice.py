"""Decide a training case's reference phase from where its lesions are drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES, SEVERAL
from nnunet_multiphase.volumes.mask_file import MaskFiles


@dataclass(frozen=True)
class MaskRule:
    """Say which phase is the reference, what happens to masks drawn on several phases or on none, what labels mean."""

    reference: str | None = None  # None: the phase the lesions are drawn on
    several: str = "error"  # one of phases.SEVERAL
    absent: str = "error"  # or "skip": a case without a lesion mask is left out instead of refused
    lesion_labels: tuple[int, ...] = (
        1,
    )  # in the mask files of case folders and tables; a layout has its own
    liver_labels: tuple[int, ...] | None = None  # None: 1, in a liver mask of its own
    other_labels: tuple[int, ...] = ()  # of something else, that may occur

    def __post_init__(self) -> None:
        """Refuse words that mean nothing: a misspelt one would be taken for the last of them."""
        for name, choices in (("several", SEVERAL), ("absent", ("error", "skip"))):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} {getattr(self, name)!r}: expected one of {', '.join(choices)}")

    def lesion_files(self, paths: Sequence[Path]) -> MaskFiles:
        """Name a mask of lesions, with the labels that count in it."""
        others = {*(self.liver_labels or ()), *self.other_labels} - set(self.lesion_labels)
        return MaskFiles(tuple(paths), self.lesion_labels, tuple(sorted(others)), organ="lesions")

    def liver_files(self, own: Path | None, lesions: MaskFiles | None) -> MaskFiles | None:
        """Name the mask of a liver: a file of its own, or with labels that say so the lesions' file; None: neither."""
        if own is None and (self.liver_labels is None or lesions is None):
            return None
        values = self.liver_labels or (1,)
        others = {*(self.lesion_labels if self.liver_labels else ()), *self.other_labels} - set(values)
        paths = lesions.paths if own is None and lesions is not None else (own,)
        return MaskFiles(tuple(filter(None, paths)), values, tuple(sorted(others)), organ="liver")

    def livers(self, own: Mapping[str, Path], lesions: Mapping[str, MaskFiles]) -> dict[str, MaskFiles]:
        """Name the liver masks by phase, as `liver_files` does for one."""
        named = {p: self.liver_files(own.get(p), lesions.get(p)) for p in PHASES if p in own or p in lesions}
        return {phase: mask for phase, mask in named.items() if mask is not None}


ONE_MASK = MaskRule()
"""The lesions are drawn on one phase, and that is the reference."""


@dataclass(frozen=True)
class MaskChoice:
    """Hold the reference, the mask drawn on it, and those that have to be brought along from other phases."""

    reference: str
    lesions: MaskFiles | None
    moving: dict[str, MaskFiles]


def choose_masks(
    case: str, phases: Collection[str], lesions: Mapping[str, MaskFiles], rule: MaskRule
) -> MaskChoice:
    """Choose a case's reference and masks.

    Args:
        case: For messages.
        phases: The phases that are there.
        lesions: Lesion masks by phase; without one the case is left out (`MaskRule.absent`).
        rule: The user's wish.

    Returns:
        The choice. Without a wish the reference is the masks' phase, of several pv, else the first.

    Raises:
        InputError: Masks on several phases, where that is not allowed; the wanted reference is not there, or holds no
            mask though its mask alone is wanted.
    """
    if not lesions:
        return MaskChoice(by_preference(phases)[0], None, {})
    if len(lesions) > 1 and rule.several == "error":
        names = ", ".join(mask.names for mask in lesions.values())
        raise InputError(
            f"case {case}: lesion masks on several phases ({names}): expected one; keep one of them, or pass "
            "--several-masks merge (unite them after registration) or reference (use the reference's)"
        )
    if rule.reference is not None and rule.reference not in phases:
        raise InputError(
            f"case {case}: lacks the wanted reference phase {rule.reference}, it has {', '.join(phases)}; "
            "choose another --reference or remove the case"
        )
    reference = rule.reference or by_preference(lesions)[0]
    if rule.several == "reference":
        if reference not in lesions:
            raise InputError(
                f"case {case}: no lesion mask on the reference phase {reference}, but on {', '.join(lesions)}; "
                "pass --several-masks merge to bring them along"
            )
        return MaskChoice(reference, lesions[reference], {})
    moving = {phase: lesions[phase] for phase in PHASES if phase in lesions and phase != reference}
    return MaskChoice(reference, lesions.get(reference), moving)


def by_preference(phases: Iterable[str]) -> list[str]:
    """Put pv first: of all phases it shows most lesions."""
    return sorted(phases, key=lambda phase: (phase != "pv", PHASES.index(phase)))
