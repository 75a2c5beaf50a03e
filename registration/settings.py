"""What a registration can be told (settings) and what it answers (result)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import SimpleITK as sitk

RegionName = Literal["mask", "liver", "body"]
Judgement = Literal["ok", "check", "failed"]

COUNTS = (
    "threads",
    "top_samples",
    "bottom_samples",
    "half_samples",
    "swarms",
    "swarm_particles",
    "swarm_iterations",
    "region_particles",
    "region_iterations",
)
NOT_NEGATIVE = (
    "body_rim_mm",
    "search_rotation_deg",
    "search_inplane_mm",
    "search_aside_mm",
    "search_axial_mm",
    "minimal_overlap",
    "region_margin_mm",
    "cut_mm",
    "region_search_deg",
    "region_search_inplane_mm",
    "region_search_axial_mm",
    "least_significance",
)


@dataclass(frozen=True)
class RegistrationSettings:
    """Tune the registration; the defaults suit abdominal CT.

    Attributes:
        seed: Seed of the sample points and of the swarm.
        threads: Threads of the similarity (1 or 2); the result does not depend on it.
        region: What is fitted in the end where no mask is given: the liver, found roughly, or the whole body.
        model: "rigid"; "deformable": a smooth deformation after the rigid fit, kept where it is worth it; "auto": the
            same, kept only where it is clear that the liver bends.
        layer_spacings_mm: Voxel size aimed at on the top and on the bottom layer of the pyramid.
        window_hu: Values are clipped to this range before they are binned.
        region_window_hu: The same for the fit of a mask's region: soft tissue, so that ribs and lung that stay
            behind weigh less.
        bins: Bins of the joint histogram, (reference, moving).
        body_threshold_hu: Voxels above it are body.
        body_rim_mm: How much air around the body is sampled too; the skin is an edge worth having.
        top_samples: Sample points on the top layer.
        bottom_samples: Sample points on the bottom layer.
        half_samples: Sample points for each half of the region, fitted alone for the verdict.
        swarms: Most independent swarms that search the whole volume; one alone ends in a wrong corner now and then.
        sufficient_sharpness: Sharpness of the body's match (`registration.verdict`) at which no further swarm is sent.
        swarm_particles: Particles of each of them.
        swarm_iterations: Their iterations.
        search_rotation_deg: Half range of the whole-volume search about each axis.
        search_inplane_mm: Half range of the whole-volume search along the reference's x and y.
        search_aside_mm: The same of the second, fourth, ... swarm.
        search_axial_mm: Half range of the whole-volume search along the reference's slice axis.
        minimal_overlap: The similarity is penalised below this fraction of samples inside the moving's data.
        region_margin_mm: How far the region of a mask reaches beyond it; an organ is held by its boundary.
        cut_mm: Distance that what is fitted exactly keeps from the first and the last slice.
        region_restarts_mm: Starts of the region's search along the slice axis, about the whole-volume fit.
        region_particles: Particles of the region's own small swarm.
        region_iterations: Its iterations.
        region_search_deg: Half range of the region's search about each axis.
        region_search_inplane_mm: Half range of the region's search along x and y.
        region_search_axial_mm: Half range of the region's search along the slice axis.
        least_significance: The region's motion counts where it is at least this far from the body's: squared, in units
            of its own covariance (`registration.uncertainty`); chi-squared of six parameters passes 30 once in 25 000.
    """

    seed: int = 0
    threads: int = 2
    region: Literal["liver", "body"] = "liver"
    model: Literal["rigid", "deformable", "auto"] = "rigid"
    layer_spacings_mm: tuple[float, float] = (6.0, 3.0)
    window_hu: tuple[float, float] = (-250.0, 450.0)
    region_window_hu: tuple[float, float] = (-150.0, 250.0)
    bins: tuple[int, int] = (32, 24)
    body_threshold_hu: float = -500.0
    body_rim_mm: float = 8.0
    top_samples: int = 4_000
    bottom_samples: int = 80_000
    half_samples: int = 8_000
    swarms: int = 4
    sufficient_sharpness: float = 0.75
    swarm_particles: int = 100
    swarm_iterations: int = 35
    search_rotation_deg: float = 30.0
    search_inplane_mm: float = 60.0
    search_aside_mm: float = 120.0
    search_axial_mm: float = 150.0
    minimal_overlap: float = 0.25
    region_margin_mm: float = 4.0
    cut_mm: float = 6.0
    region_restarts_mm: tuple[float, ...] = (0.0, -6.0, 6.0, -12.0, 12.0)
    region_particles: int = 40
    region_iterations: int = 15
    region_search_deg: float = 8.0
    region_search_inplane_mm: float = 15.0
    region_search_axial_mm: float = 30.0
    least_significance: float = 30.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if not isinstance(self.seed, Integral) or self.seed < 0:
            raise ValueError(f"seed must be a whole number and not negative, but is {self.seed!r}.")
        if self.region not in ("liver", "body"):
            raise ValueError(f"region must be 'liver' or 'body', but is {self.region!r}.")
        if self.model not in ("rigid", "deformable", "auto"):
            raise ValueError(f"model must be 'rigid', 'deformable' or 'auto', but is {self.model!r}.")
        for name in COUNTS:
            if not isinstance(getattr(self, name), Integral) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number from 1 on, but is {getattr(self, name)}.")
        for name in NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < math.inf:  # nan neither
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}.")
        for name, (low, high) in (("window_hu", self.window_hu), ("region_window_hu", self.region_window_hu)):
            if not -math.inf < low < high < math.inf:
                raise ValueError(f"{name} must be (lower, higher), but is {(low, high)}.")
        top, bottom = self.layer_spacings_mm
        if not math.inf > top >= bottom > 0:
            raise ValueError(f"layer_spacings_mm must be (coarser, finer), but is {(top, bottom)}.")
        if not self.minimal_overlap < 1:
            raise ValueError(f"minimal_overlap must be below 1, but is {self.minimal_overlap}.")
        for name, values in (
            ("region_restarts_mm", self.region_restarts_mm),
            ("body_threshold_hu", (self.body_threshold_hu,)),
            ("sufficient_sharpness", (self.sufficient_sharpness,)),
        ):
            if not values or not all(map(math.isfinite, values)):
                raise ValueError(f"{name} must be finite numbers, but is {values}.")
        if min(self.bins) < 2:
            raise ValueError(f"bins must be at least (2, 2), but is {self.bins}.")


@dataclass(frozen=True)
class Evidence:
    """Hold the signs by which a registration is judged (`registration.verdict`).

    Attributes:
        sharpness: Share of the body's similarity above chance that is lost 20 mm aside, as a part of what the
            reference loses against itself.
        region_sharpness: The same for the region that was fitted.
        body_overlap: Share of the body's sample points in the moving's data, as a part of what a volume of its length
            can cover.
        overlap: Share of the region's.
        disagreement_mm: Largest mean distance between the region's motion and one found by half of it alone; infinite where
            nothing of it lies in the moving volume.
        apart_mm: Mean distance between the region's motion and the body's, over the region.
        edge_agreement: Of the mask's, or the found liver's, edges in both volumes (`registration.edges`); none where the
            body was fitted, or too few edges are to be seen.
    """

    sharpness: float
    region_sharpness: float
    body_overlap: float
    overlap: float
    disagreement_mm: float
    apart_mm: float
    edge_agreement: float | None = None


@dataclass(frozen=True)
class Deformation:
    """Hold what became of a deformation that was asked for.

    Attributes:
        accepted: Whether the transform holds it.
        reason: Why not.
        similarity_before: Share (0..1) of the region's local variance that the moving volume explains by the rigid fit;
            like all figures below none where no deformation was tried to the end.
        similarity_after: The same with the deformation.
        least_jacobian: Smallest local volume anywhere (1 = kept, 0 = folded).
        most_jacobian: Largest.
        region_volume_change: Of the region, as a share of its volume.
        lesion_volume_change: Of the lesion that changes most; none without a lesion mask.
        significance: What two fits on half of the region each both find, against what they differ by (squares).
        expected_error_mm: The mean error over the region lies below it in 90 % of pairs; none where it was dropped.
    """

    accepted: bool
    reason: str
    similarity_before: float | None = None
    similarity_after: float | None = None
    least_jacobian: float | None = None
    most_jacobian: float | None = None
    region_volume_change: float | None = None
    lesion_volume_change: float | None = None
    significance: float | None = None
    expected_error_mm: float | None = None


@dataclass(frozen=True)
class RegistrationResult:
    """Hold the transform found and what is known about it.

    Attributes:
        transform: Maps points of the reference to points of the moving volume, in mm (LPS): rigid, or, where a
            deformation was asked for and is worth it, that after the rigid one.
        rigid: The rigid part alone.
        similarity_before: Normalised mutual information with the headers as they are (1 = independent), of the body or the
            region, whose motion it is. 1 also where they leave less overlap than `minimal_overlap`: a few points match
            anything.
        similarity_after: The same with the rigid transform.
        overlap: Fraction (0..1) of the region's sample points that lie in the moving's data.
        seconds: Wall-clock time.
        evaluations: How often the similarity was computed.
        swarm_trace: Best similarity of the winning whole-volume swarm after each iteration.
        region: What was fitted in the end; "body" also where no liver was found.
        motion_of: Whose motion the rigid transform is: the region's, or the body's where the region moves with it, or
            could not be fitted.
        expected_error_mm: The mean error of the transform in the region lies below it in some 90 % of pairs
            (docs/results_registration.md); the search's range where the verdict is "failed".
        fitted: Where that is: nonzero voxels of a coarse uint8 image that lies where the reference does.
        verdict: "ok", "check" (look at it) or "failed".
        reasons: A sentence for each sign that is not ok.
        evidence: The signs themselves; of the rigid fit.
        deformation: What became of the deformation, where one was asked for.
    """

    transform: sitk.Transform
    rigid: sitk.Euler3DTransform
    similarity_before: float
    similarity_after: float
    overlap: float
    seconds: float
    evaluations: int
    swarm_trace: tuple[float, ...]
    region: RegionName
    motion_of: RegionName
    expected_error_mm: float
    fitted: sitk.Image
    verdict: Judgement
    reasons: tuple[str, ...]
    evidence: Evidence
    deformation: Deformation | None = None
