"""Collect what is implausible of one patient's phases and masks, whoever read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cases.liver_place import (
    FoundLiver,
    find_liver_on_the_left,
    lesions_elsewhere,
    locate_liver,
)
from nnunet_multiphase.cases.plausibility import Finding, Sample, sample_volume
from nnunet_multiphase.cases.plausible_body import (
    Body,
    find_implausible_body,
    find_implausible_spacing,
    find_unlike_phases,
    measure_body,
)
from nnunet_multiphase.cases.plausible_masks import (
    FEW_VOXELS,
    find_implausible_mask_size,
    find_misplaced_lesions,
    find_misplaced_liver,
    find_wrong_side,
)
from nnunet_multiphase.cases.plausible_order import (
    ARTERIAL,
    LATER,
    find_unenhanced_too_bright,
    told_of_bright_liver,
)
from nnunet_multiphase.cases.plausible_values import find_implausible_values
from registration.padding import without_padding

MOST_OF_LIVER = 0.9
"""A lesion mask that fills more of the liver than this is the liver's: labels or files are exchanged."""


@dataclass
class Judged:
    """Ask one thing after the other of a patient's volumes, and hold what was found and what is known by then.

    Attributes:
        accept: Names of checks (see `check_names`) whose findings are taken.
        in_python: Findings say how to insist in Python, not on the command line.
        told: Names of checks whose findings are things to look at, no more.
        refused: A sentence for each finding that was not accepted.
        accepted: One for each that was.
        accepted_checks: The names of their checks.
        warnings: A sentence for each thing to look at.
        samples: Of phases that are plausible, by phase.
        bodies: Of those that show one.
        livers: Found, where no mask says where it is.
    """

    accept: Collection[str]
    in_python: bool = False
    told: Collection[str] = ()
    refused: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    accepted_checks: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)
    bodies: dict[str, Body] = field(default_factory=dict)
    livers: list[FoundLiver] = field(default_factory=list)

    def add(self, where: str, findings: Iterable[Finding | None]) -> bool:
        """Note findings under the place they are about; tell whether there was one."""
        found = [finding for finding in findings if finding is not None]
        for finding in found:
            if finding.check in self.accept:
                self.accepted.append(f"{where} {finding.clause} (--accept {finding.check})")
                self.accepted_checks.add(finding.check)
            elif finding.check in self.told:
                self.warnings.append(f"{where} {finding.clause}")
            elif self.in_python:
                self.refused.append(f"{where} {finding.clause}; if it is right, accept=[{finding.check!r}]")
            else:
                self.refused.append(f"{where} {finding}")
        return bool(found)

    def volume(
        self,
        where: str,
        phase: str,
        image: sitk.Image,
        *,
        headers: Sequence[Finding] = (),
        unit_code: int = 0,
    ) -> None:
        """Ask whether a phase's values and millimetres can be a body's.

        Args:
            where: File or phase, which begins the sentence.
            phase: Its name.
            image: In HU.
            headers: What its header leaves open.
            unit_code: What a NIfTI header says its numbers are; 0: nothing.
        """
        sample = sample_volume(image)
        sizes = [header for header in headers if header.check == "spacing"]
        implausible = self.add(where, sizes or [find_implausible_spacing(sample, unit_code)])
        implausible |= self.add(where, [find_implausible_values(sample)])
        self.add(where, [header for header in headers if header not in sizes])
        if implausible:
            return  # what follows relies on both
        if (seen := without_padding(image)) is not image:
            sample = sample_volume(seen)  # padding of 0 would be a body up to the volume's sides
        self.samples[phase] = sample
        body = measure_body(sample)
        if body is not None:
            self.bodies[phase] = body
            self.add(where, find_implausible_body(sample, body))

    def phases(self, whose: str, *, liver_drawn: bool, one_grid: bool = False) -> None:
        """Ask whether the phases taken so far can be of one patient, and what they are called.

        Args:
            whose: The patient, who begins the sentence.
            liver_drawn: A mask says where the liver is; else it is looked for.
            one_grid: They were brought to one grid: what differs in size is what each shows of the body.
        """
        if not one_grid:
            self.add(f"{whose}:", [find_unlike_phases(self.samples, self.bodies)])
        self.add(f"{whose}:", [find_unenhanced_too_bright(self.samples)])
        ordered = {ARTERIAL, *LATER} if ARTERIAL in self.bodies else set()
        sought = self.bodies.keys() & ordered if liver_drawn else self.bodies.keys()
        livers = {phase: locate_liver(self.samples[phase]) for phase in self.samples if phase in sought}
        if not liver_drawn:
            self.livers += [liver for liver in livers.values() if liver is not None]
            self.add(whose, [find_liver_on_the_left(self.livers)])
        if told := told_of_bright_liver(livers):
            self.warnings.append(f"{whose}: {told}")

    def mask(
        self, where: str, kind: str, phase: str, mask: np.ndarray, grid: sitk.Image, *, liver_drawn: bool
    ) -> None:
        """Ask whether a mask can lie on its organ.

        Args:
            where: Its file, which begins the sentence.
            kind: lesions or liver.
            phase: The one it is drawn on.
            mask: Boolean (z, y, x).
            grid: That phase's volume, in HU.
            liver_drawn: A mask says where the liver is.
        """
        if not mask.any() or self.add(where, [find_implausible_mask_size(mask, grid, kind)]):
            return
        misplaced = find_misplaced_liver if kind == "liver" else find_misplaced_lesions
        if self.add(where, [misplaced(mask, grid)]) or (kind == "lesions" and liver_drawn):
            return
        body = self.bodies.get(phase)
        if body is not None and self.add(
            where, [find_wrong_side(mask, grid, body.middle_mm, body.seen_mm, kind)]
        ):
            return
        if kind == "lesions":
            strange = lesions_elsewhere(mask, grid, self.livers)
            self.warnings += [f"{where} {strange}"] if strange else []


def find_exchanged_for_liver(lesions: np.ndarray, liver: np.ndarray) -> Finding | None:
    """Say that a lesion mask is the liver's; both boolean (z, y, x), the liver not empty."""
    share = float((lesions & liver).sum() / liver.sum())
    if int(liver.sum()) < FEW_VOXELS or share <= MOST_OF_LIVER:
        return None
    return Finding(
        "mask-size",
        f"fills {100 * share:.0f} % of the liver mask: the labels or the files of liver and lesions seem to be exchanged; "
        "correct them, or say which label is which (setup's --lesion-labels and --liver-labels)",
    )
