"""Measure all lesions of a patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cc3d
import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.evaluation.lesions import label_lesions, require_same_grid
from nnunet_multiphase.measurement.attenuation import RING_MM, attenuations, ring
from nnunet_multiphase.measurement.dynamics import dynamics
from nnunet_multiphase.measurement.further import further_measures
from nnunet_multiphase.measurement.record import Diameter, LesionMeasures, PatientMeasures
from nnunet_multiphase.measurement.shapes import Chord, axial_diameters, diameter_3d
from nnunet_multiphase.measurement.surroundings import Sides, Surface, touching
from nnunet_multiphase.volumes.orientation import turned


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
) -> PatientMeasures:
    """Measure every lesion of a segmentation, in whatever order its grid is stored.

    Args:
        case: The patient's name.
        reference: Phase whose grid this is.
        lesions: Every non-zero voxel is lesion; each connected component (26 neighbours) is one.
        images: phase -> CT in HU on that grid, without phases whose place is not known; FILL_HU where there are no data.
        probability: Of lesion, 0..1.
        liver: The liver.

    Returns:
        The measures, from the largest lesion to the smallest.

    Raises:
        InputError: The images lie on different grids.
    """
    beside = {f"the {phase} image": image for phase, image in images.items()}
    beside |= {} if probability is None else {"the probability": probability}
    beside |= {} if liver is None else {"the liver": liver.mask}
    for name, image in beside.items():
        require_same_grid(lesions, image, f"the segmentation and {name}")
    grid = turned(lesions)
    upright = {phase: turned(image) for phase, image in images.items()}
    phases_hu = {phase: sitk.GetArrayViewFromImage(image) for phase, image in upright.items()}
    probable = None if probability is None else turned(probability)
    certain = None if probable is None else sitk.GetArrayViewFromImage(probable)
    spacing_mm = grid.GetSpacing()
    voxel_ml = math.prod(grid.GetSpacing()) / 1000.0
    numbers = label_lesions(sitk.GetArrayViewFromImage(grid))
    organ = None if liver is None else _array(liver.mask) != 0
    known = liver is not None and liver.source != "found" and organ is not None and bool(organ.any())
    in_liver = touching(numbers, organ) if known and organ is not None else None
    with_lesions = organ | in_liver if organ is not None and in_liver is not None else None
    surface = None if with_lesions is None else Surface(with_lesions, spacing_mm)
    sides = None if with_lesions is None else Sides(with_lesions, spacing_mm)

    statistics = cc3d.statistics(numbers.astype(np.uint32))
    margin = np.ceil(RING_MM / np.array(spacing_mm[::-1])).astype(int) + 1
    measured = []
    for number in range(1, int(numbers.max(initial=0)) + 1):
        tight = statistics["bounding_boxes"][number]
        box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(tight, margin, strict=True))
        inside = numbers[tight] == number
        lesion = numbers[box] == number
        start = np.array([s.start for s in tight])[::-1]
        axial, perpendicular = axial_diameters(inside, spacing_mm)
        centroid = np.array(statistics["centroids"][number])[::-1]
        own = attenuations(lesion, {phase: hu[box] for phase, hu in phases_hu.items()})
        around = {}
        if organ is not None:
            close = ring(lesion, numbers[box] > 0, organ[box], spacing_mm)
            around = attenuations(close, {phase: hu[box] for phase, hu in phases_hu.items()})
        course = dynamics(own, around)
        outside = None if in_liver is None else not bool(in_liver[tight][inside].any())
        measured.append(
            LesionMeasures(
                id=number,
                volume_ml=int(statistics["voxel_counts"][number]) * voxel_ml,
                axial=_diameter(axial, start, grid),
                perpendicular=_diameter(perpendicular, start, grid),
                diameter_3d=_diameter(diameter_3d(inside, spacing_mm), start, grid),
                centroid_mm=grid.TransformContinuousIndexToPhysicalPoint(centroid.tolist()),
                side=None if sides is None or outside else sides.of(centroid),
                lesion=own,
                ring=around,
                enhancement_hu=course.enhancement_hu,
                absolute_washout_percent=course.absolute_washout_percent,
                relative_washout_percent=course.relative_washout_percent,
                arterial_hyperenhancement=course.arterial_hyperenhancement,
                washout=course.washout,
                confidence=None if certain is None else float(certain[tight][inside].mean(dtype=np.float64)),
                outside_liver=outside,
                surface_distance_mm=None
                if surface is None or outside
                else surface.distance_mm(np.argwhere(inside)[:, ::-1] + start),
                added=further_measures(
                    lesion, {phase: hu[box] for phase, hu in phases_hu.items()}, tuple(spacing_mm[::-1])
                ),
            )
        )
    return PatientMeasures(
        case=case,
        reference=reference,
        lesions=tuple(measured),
        liver={} if organ is None else attenuations(organ & (numbers == 0), phases_hu),
        liver_source=None if liver is None else liver.source,
        liver_ml=None if liver is None else liver.whole_ml,
    )


def _array(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(turned(image))


def _diameter(chord: Chord, start: np.ndarray, grid: sitk.Image) -> Diameter:
    first, second = (
        grid.TransformContinuousIndexToPhysicalPoint((end + start).tolist()) for end in chord.ends
    )
    return Diameter(chord.mm, (first, second))
