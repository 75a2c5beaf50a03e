"""Judge the volumes and masks that a program gives, as setup judges a case's files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import SimpleITK as sitk

from nnunet_multiphase.alignment.copied_phase import told_of_copy
from nnunet_multiphase.cases.judged import Judged, find_exchanged_for_liver
from nnunet_multiphase.cases.plausible_body import find_unlike_phases
from nnunet_multiphase.cases.plausible_masks import (
    MOST_LESIONS_DARK,
    NOT_LIVER_HU,
    find_implausible_mask_size,
    find_vessels_for_liver,
)
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.orientation import turned, upright
from nnunet_multiphase.volumes.unchanged import digest_of_voxels

CALLED = {"liver": "the liver mask", "lesions": "the lesion mask"}


@dataclass(frozen=True)
class GivenPhase:
    """Hold a phase as it was given.

    Attributes:
        image: In HU.
        called: How a sentence begins that is about it.
        unit_code: What a NIfTI header says its numbers are; 0: nothing.
    """

    image: sitk.Image
    called: str
    unit_code: int = 0


def judge_phases(
    phases: Mapping[str, GivenPhase],
    accept: Collection[str],
    *,
    liver_drawn: bool,
    aligned: bool = False,
    whose: str = "",
) -> Judged:
    """Ask whether phases can be what they are said to be, each alone and beside the others.

    Args:
        phases: By the name that setup has for them.
        accept: Names of checks whose findings are taken.
        liver_drawn: A mask says where the liver is.
        aligned: They lie on one grid, over each other.
        whose: The patient's name, if it has one.

    Raises:
        InputError: Two hold the same voxels, or one is refused and not accepted.
    """
    judged = Judged(accept, in_python=True)
    _refuse_copies(phases)
    for phase, given in phases.items():
        judged.volume(given.called, phase, given.image, unit_code=given.unit_code)
    judged.phases(f"case {whose}" if whose else "the patient", liver_drawn=liver_drawn, one_grid=aligned)
    if aligned:
        judged.warnings += told_of_copies({phase: turned(given.image) for phase, given in phases.items()})
    refuse(judged)
    return judged


def judge_pair(
    reference: GivenPhase, moving: GivenPhase, accept: Collection[str], *, told: Collection[str] = ()
) -> Judged:
    """Ask whether two volumes to be registered can be of one patient's body.

    Args and errors as in `judge_phases`; `told` are the checks whose findings are warnings.
    """
    judged = Judged(accept, in_python=True, told=told)
    for given in (reference, moving):
        judged.volume(given.called, given.called, given.image, unit_code=given.unit_code)
    judged.add("the volumes:", [find_unlike_phases(judged.samples, judged.bodies)])
    refuse(judged)
    if _digest(reference.image) == _digest(moving.image):
        judged.warnings.append(
            f"{reference.called} and {moving.called} hold the same voxels: look whether one was given twice"
        )
    return judged


def judge_masks(
    judged: Judged,
    masks: Mapping[str, sitk.Image],
    phases: Mapping[str, sitk.Image],
    *,
    drawn_on: str = "",
) -> None:
    """Ask whether masks can lie on their organs.

    Lesions need not be drawn by a reader: single ones in fat or air are a thing to look at, where most lie right.

    Args:
        judged: The phases.
        masks: "liver" and "lesions", or one of them; not 0 where the organ is, on one grid.
        phases: Volumes on that grid, by phase; none where nothing is known of the HU.
        drawn_on: The phase that they were drawn on; not given: the one that they fit best.

    Raises:
        InputError: The liver is empty, or one is refused and not accepted.
    """
    drawn = {kind: sitk.GetArrayFromImage(mask) != 0 for kind, mask in masks.items()}
    known = {phase: image for phase, image in phases.items() if phase in judged.samples}
    for kind in ("liver", "lesions"):
        if kind not in drawn:
            continue
        mask, called = drawn[kind], CALLED[kind]
        if kind == "liver" and not mask.any():
            raise InputError(f"{called} is empty: expected the liver; draw it, or leave it out")
        if not known:
            judged.add(called, [find_implausible_mask_size(mask, masks[kind], kind)] if mask.any() else [])
            continue
        dark = {
            phase: float((sitk.GetArrayViewFromImage(known[phase])[mask] < NOT_LIVER_HU).mean())
            for phase in (known if mask.any() else ())
        }
        phase = drawn_on if drawn_on in known else min(known, key=lambda name: dark.get(name, 0.0))
        if kind == "lesions" and dark.get(phase, 0.0) <= MOST_LESIONS_DARK:
            judged.told = {"lesion-hu"}
        judged.mask(called, kind, phase, mask, known[phase], liver_drawn="liver" in drawn)
    if "liver" in drawn:
        thin = find_vessels_for_liver(drawn["liver"], drawn.get("lesions"), masks["liver"])
        judged.add(CALLED["liver"], [thin])
    if len(drawn) == 2 and drawn["lesions"].any():
        judged.add(CALLED["lesions"], [find_exchanged_for_liver(drawn["lesions"], drawn["liver"])])
    refuse(judged)


def refuse(judged: Judged) -> None:
    """Raise what was found and not accepted."""
    if judged.refused:
        raise InputError("; ".join(judged.refused))


def told_of_copies(images: Mapping[str, sitk.Image]) -> list[str]:
    """Say of phases on one grid, in one axis order, which seem to be copies of another."""
    told = ((phase, told_of_copy(images, phase)) for phase in images)
    return [f"phase {phase} {copied}" for phase, copied in told if copied]


def _refuse_copies(phases: Mapping[str, GivenPhase]) -> None:
    seen: dict[str, GivenPhase] = {}
    for given in phases.values():
        twin = seen.setdefault(_digest(given.image), given)
        if twin is not given:
            raise InputError(
                f"{given.called} and {twin.called} hold the same voxels: one of them is not what it is called; give that "
                "phase's own volume, or leave it out"
            )


def _digest(image: sitk.Image) -> str:
    return digest_of_voxels(upright(image))
