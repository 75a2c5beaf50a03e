"""Hold what is measured of a patient's lesions; the table, the page and the DICOM report are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Point = tuple[float, float, float]
"""In SimpleITK's physical (LPS) frame, mm."""

End = Literal["volume", "phases", "window"]
"""What a lesion is cut off by: the reference volume's end, another phase's, or that of where was looked about the liver."""


@dataclass(frozen=True)
class Attenuation:
    """Hold the attenuation of a region on one phase, over its voxels that hold data."""

    mean_hu: float
    sd_hu: float
    voxels: int


@dataclass(frozen=True)
class Diameter:
    """Hold a distance and where it was taken."""

    mm: float
    ends_mm: tuple[Point, Point]


@dataclass(frozen=True)
class LesionMeasures:
    """Hold one lesion's measurements; None is what could not be measured, and why is said in the docs.

    Attributes:
        id: 1 for the largest lesion, as in the labels that `label_lesions` gives.
        volume_ml: Voxels times voxel volume.
        axial: Longest axial diameter (RECIST 1.1).
        perpendicular: Longest diameter perpendicular to it, in the same slice.
        diameter_3d: Largest distance between two of its points.
        centroid_mm: Mean of its voxel centres.
        side: Side of the liver that the centroid lies in, by an approximation (`surroundings.Sides`); None near the border.
        lesion: phase -> attenuation of the lesion.
        ring: phase -> attenuation of the liver within 10 mm around it, other lesions left out.
        enhancement_hu: phase -> mean HU above the non-contrast phase's.
        absolute_washout_percent: Washout from the arterial to the delayed (else portal venous) phase.
        relative_washout_percent: The same without the non-contrast phase.
        arterial_hyperenhancement: Whether it enhances more than the liver around it on the arterial phase.
        washout: Whether it takes up contrast agent, and becomes darker than the liver around it on the portal venous or
            delayed phase, compared with the arterial one.
        outside_liver: Whether it shares no face with the liver that was drawn or segmented: then it has neither side nor
            depth.
        confidence: Mean probability of lesion over its voxels, 0..1.
        surface_distance_mm: From its nearest voxel to the liver's surface; 0 where it reaches it.
        cut_off: What it reaches the end of, with more of it beyond, may be; volume and diameters are lower bounds then.
        added: Name -> value of what other distributions measure (`further`).
    """

    id: int
    volume_ml: float
    axial: Diameter
    perpendicular: Diameter
    diameter_3d: Diameter
    centroid_mm: Point
    side: Literal["left", "right"] | None = None
    lesion: Mapping[str, Attenuation] = field(default_factory=dict)
    ring: Mapping[str, Attenuation] = field(default_factory=dict)
    enhancement_hu: Mapping[str, float] = field(default_factory=dict)
    absolute_washout_percent: float | None = None
    relative_washout_percent: float | None = None
    arterial_hyperenhancement: bool | None = None
    washout: bool | None = None
    outside_liver: bool | None = None
    confidence: float | None = None
    surface_distance_mm: float | None = None
    cut_off: tuple[End, ...] = ()
    added: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PatientMeasures:
    """Hold what is measured of one patient.

    Attributes:
        case: Name.
        reference: Phase on whose grid everything was measured.
        lesions: From the largest to the smallest.
        liver: phase -> attenuation of the liver without lesions.
        liver_source: What the liver is of; "found" is rough, and its volume is not told.
        liver_ml: Volume with its lesions; None where the liver is only found, or ends where the volume ends.
    """

    case: str
    reference: str
    lesions: tuple[LesionMeasures, ...]
    liver: Mapping[str, Attenuation] = field(default_factory=dict)
    liver_source: Literal["mask", "model", "found"] | None = None
    liver_ml: float | None = None

    @property
    def burden_ml(self) -> float:
        """Give the volume of all lesions."""
        return sum(lesion.volume_ml for lesion in self.lesions)

    @property
    def is_cut_off(self) -> bool:
        """Tell whether some lesion is cut off, so that the burden is a lower bound."""
        return any(lesion.cut_off for lesion in self.lesions)

    @property
    def burden_percent(self) -> float | None:
        """Give the volume of all lesions in percent of the liver's with its lesions."""
        return 100 * self.burden_ml / self.liver_ml if self.liver_ml else None
