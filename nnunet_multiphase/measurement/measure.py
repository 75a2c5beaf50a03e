"""Measure all lesions of a patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cc3d
import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.evaluation.lesions import label_lesions, require_same_grid
from nnunet_multiphase.measurement.attenuation import RING_MM, attenuations, ring
from nnunet_multiphase.measurement.dynamics import dynamics
from nnunet_multiphase.measurement.ends import Bounds, Ends
from nnunet_multiphase.measurement.further import further_measures
from nnunet_multiphase.measurement.record import Diameter, LesionMeasures, PatientMeasures
from nnunet_multiphase.measurement.shapes import Chord, axial_diameters, diameter_3d
from nnunet_multiphase.measurement.surroundings import Sides, Surface, touching
from nnunet_multiphase.volumes.orientation import turned
from registration.padding import without_padding


@dataclass(frozen=True)
class Liver:
    """Hold the liver that lesions are compared with.

    Attributes:
        mask: On the lesions' grid; lesions may be left out of it or not.
        source: What it is of. One that was only found is good for attenuation; no size or place is told by it.
        whole_ml: Its volume with its lesions, where all of it is in the volume.
    """

    mask: sitk.Image
    source: Literal["mask", "model", "found"]
    whole_ml: float | None = None


def measure_patient(
    case: str,
    reference: str,
    lesions: sitk.Image,
    images: Mapping[str, sitk.Image],
    *,
    probability: sitk.Image | None = None,
    liver: Liver | None = None,
    bounds: Bounds | None = None,
) -> PatientMeasures:
    """Measure every lesion of a segmentation, in whatever order its grid is stored.

    Args:
        case: The patient's name.
        reference: Phase whose grid this is.
        lesions: Every non-zero voxel is lesion; each connected component (26 neighbours) is one.
        images: phase -> CT in HU on that grid, without phases whose place is not known; FILL_HU, or
            padding, where there are no data.
        probability: Of lesion, 0..1.
        liver: The liver.
        bounds: Where a model looked for them at all phases, on an upright grid; None: it is not known.

    Returns:
        The measures, from the largest lesion to the smallest.

    Raises:
        InputError: The images lie on different grids.
    """
    organ_mask = None if liver is None else liver.mask
    refuse_other_grids(lesions, images, {"the probability": probability, "the liver": organ_mask})
    grid = turned(lesions)
    # Kept as long as the arrays are, which are views of them.
    upright = {phase: without_padding(turned(image)) for phase, image in images.items()}
    phases_hu = {phase: sitk.GetArrayViewFromImage(image) for phase, image in upright.items()}
    numbers = label_lesions(sitk.GetArrayViewFromImage(grid))
    organ = None if liver is None else _array(liver.mask) != 0
    is_known = liver is not None and liver.source != "found" and organ is not None and bool(organ.any())
    patient = _Patient(
        grid,
        numbers,
        phases_hu,
        Ends(numbers, phases_hu, reference, bounds),
        probability=None if probability is None else _array(probability),
        organ=organ,
        place=_Place(organ, numbers, grid.GetSpacing()) if is_known and organ is not None else None,
    )
    return PatientMeasures(
        case=case,
        reference=reference,
        lesions=_lesions(patient),
        liver={} if organ is None else attenuations(organ & (numbers == 0), phases_hu),
        liver_source=None if liver is None else liver.source,
        liver_ml=None if liver is None else liver.whole_ml,
    )


class _Place:
    """Tell where in a liver lesions lie."""

    def __init__(self, organ: np.ndarray, numbers: np.ndarray, spacing_mm: Sequence[float]) -> None:
        """Take the lesions (z, y, x) that touch the organ (z, y, x, bool) for a part of it."""
        self.in_liver = touching(numbers, organ)
        with_lesions = organ | self.in_liver
        self.surface, self.sides = Surface(with_lesions, spacing_mm), Sides(with_lesions, spacing_mm)


@dataclass(frozen=True)
class _Patient:
    """Hold what every lesion is measured in, all on one grid, arrays as (z, y, x)."""

    grid: sitk.Image
    numbers: np.ndarray
    phases_hu: Mapping[str, np.ndarray]
    ends: Ends
    probability: np.ndarray | None
    organ: np.ndarray | None
    place: _Place | None  # where the liver is known well enough to tell by


def _lesions(patient: _Patient) -> tuple[LesionMeasures, ...]:
    """Measure each lesion, from the first number on."""
    statistics = cc3d.statistics(patient.numbers.astype(np.uint32))
    return tuple(
        _lesion(
            patient,
            number,
            statistics["bounding_boxes"][number],
            int(statistics["voxel_counts"][number]),
            np.array(statistics["centroids"][number])[::-1],
        )
        for number in range(1, int(patient.numbers.max(initial=0)) + 1)
    )


def _lesion(
    patient: _Patient, number: int, tight: tuple[slice, ...], voxels: int, centroid: np.ndarray
) -> LesionMeasures:
    """Measure one lesion in its bounding box (z, y, x); its centroid is an index (x, y, z)."""
    grid, numbers, place = patient.grid, patient.numbers, patient.place
    spacing_mm = grid.GetSpacing()
    margin = np.ceil(RING_MM / np.array(spacing_mm[::-1])).astype(int) + 1
    box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(tight, margin, strict=True))
    phases_hu = {phase: hu[box] for phase, hu in patient.phases_hu.items()}
    inside, lesion = numbers[tight] == number, numbers[box] == number
    start = np.array([s.start for s in tight])[::-1]
    axial, perpendicular = axial_diameters(inside, spacing_mm)
    own = attenuations(lesion, phases_hu)
    around = {}
    if patient.organ is not None:
        close = ring(lesion, numbers[box] > 0, patient.organ[box], spacing_mm)
        around = attenuations(close, phases_hu)
    course = dynamics(own, around)
    outside = None if place is None else not bool(place.in_liver[tight][inside].any())
    confidence = patient.probability
    return LesionMeasures(
        id=number,
        volume_ml=voxels * (math.prod(spacing_mm) / 1000.0),
        axial=_diameter(axial, start, grid),
        perpendicular=_diameter(perpendicular, start, grid),
        diameter_3d=_diameter(diameter_3d(inside, spacing_mm), start, grid),
        centroid_mm=grid.TransformContinuousIndexToPhysicalPoint(centroid.tolist()),
        side=None if place is None or outside else place.sides.of(centroid),
        lesion=own,
        ring=around,
        enhancement_hu=course.enhancement_hu,
        absolute_washout_percent=course.absolute_washout_percent,
        relative_washout_percent=course.relative_washout_percent,
        arterial_hyperenhancement=course.arterial_hyperenhancement,
        washout=course.washout,
        confidence=None if confidence is None else float(confidence[tight][inside].mean(dtype=np.float64)),
        outside_liver=outside,
        surface_distance_mm=None
        if place is None or outside
        else place.surface.distance_mm(np.argwhere(inside)[:, ::-1] + start),
        cut_off=patient.ends.of(number, tight),
        added=further_measures(lesion, phases_hu, tuple(spacing_mm[::-1])),
    )


def refuse_other_grids(
    lesions: sitk.Image, images: Mapping[str, sitk.Image], further: Mapping[str, sitk.Image | None]
) -> None:
    """Raise InputError where phases, or what else is named, do not lie on the lesions' grid."""
    beside = {f"the {phase} image": image for phase, image in images.items()}
    beside |= {name: image for name, image in further.items() if image is not None}
    for name, image in beside.items():
        require_same_grid(lesions, image, f"the segmentation and {name}")


def _array(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(turned(image))


def _diameter(chord: Chord, start: np.ndarray, grid: sitk.Image) -> Diameter:
    first, second = (
        grid.TransformContinuousIndexToPhysicalPoint((end + start).tolist()) for end in chord.ends
    )
    return Diameter(chord.mm, (first, second))
