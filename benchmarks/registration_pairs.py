"""Make pairs of volumes whose rigid motion is known, from any CT volume, and take those of a cohort with truth.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.phantom.truth import liver_points_in_moving
from registration.volume import image_like, mask_from_image, values_of, volume_from_image, world_from_index

# Length of the translation in mm, angle about a random axis in degrees.
CLASSES = {
    "small": (5.0, 3.0),
    "medium": (15.0, 8.0),
    "large": (40.0, 20.0),
    "far": (120.0, 10.0),
}


@dataclass(frozen=True)
class Pair:
    """Hold two volumes, where points of the first lie in the second, and the liver if it is known.

    Attributes:
        reference: Fixed volume.
        moving: Moving volume.
        points: Points to judge by (n, 3), world mm, in the reference.
        places: Where they lie in the moving volume (n, 3), world mm.
        mask: The liver on the reference's grid.
        reference_phase: The reference's phase in its cohort; empty for a made pair.
    """

    reference: sitk.Image
    moving: sitk.Image
    points: np.ndarray
    places: np.ndarray
    mask: sitk.Image | None = None
    reference_phase: str = ""

    def error_mm(self, found: sitk.Transform) -> float:
        """Give the mean distance between found and true places."""
        there = np.array([found.TransformPoint(point) for point in self.points.tolist()])
        return float(np.linalg.norm(there - self.places, axis=1).mean())


def rigid_pair(
    image: sitk.Image,
    organ: np.ndarray,
    shift_mm: float,
    angle_deg: float,
    rng: np.random.Generator,
    *,
    cropped_slices: int = 0,
) -> Pair:
    """Make one pair: a random motion, a contrast change, own noise, another spacing, a fifth less coverage along z.

    The moving grid follows the anatomy, as a second scan does.

    Args:
        image: CT volume, float32.
        organ: Boolean array (z, y, x): judged by points in it.
        shift_mm: Length of the translation.
        angle_deg: Angle of the rotation.
        rng: Source of randomness.
        cropped_slices: Taken from both ends of the reference alone, so that the moving volume holds anatomy beyond them;
            otherwise what lies beyond the image's ends is air there.
    """
    volume = volume_from_image(image)
    if cropped_slices:
        organ = organ.copy()
        organ[:cropped_slices] = organ[-cropped_slices:] = False
    voxels = np.argwhere(organ)
    points = world_from_index(volume, voxels[rng.choice(len(voxels), 500)])
    size, spacing = np.array(image.GetSize()), np.array(image.GetSpacing())
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint(((size - 1) / 2).tolist()))
    truth = _random_motion(rng, shift_mm, angle_deg, middle)
    new_spacing = spacing * rng.uniform([1.0, 1.0, 0.8], [1.2, 1.2, 1.4])
    new_size = np.maximum(np.rint(size * spacing / new_spacing * [1, 1, 0.8]), 8).astype(int)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    new_middle = np.array(truth.TransformPoint(middle.tolist())) + rng.uniform(-3, 3, 3)
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(new_size.tolist())
    resampler.SetOutputSpacing(new_spacing.tolist())
    resampler.SetOutputDirection(image.GetDirection())
    resampler.SetOutputOrigin((new_middle - direction @ ((new_size - 1) / 2 * new_spacing)).tolist())
    resampler.SetTransform(truth.GetInverse())
    resampler.SetInterpolator(sitk.sitkBSpline)
    resampler.SetDefaultPixelValue(-1024)
    moved = resampler.Execute(sitk.Cast(image, sitk.sitkFloat32))
    enhanced = np.interp(
        values_of(moved),
        [-1024, -150, 0, 60, 130, 250, 1500],
        [-1024, -150, 0, *np.cumsum(rng.uniform([40, 20, 60], [110, 90, 160])), 1500],
    )
    reference = _int16(values_of(image) + _noise(image, rng), image)
    return Pair(
        reference=reference[:, :, cropped_slices : reference.GetSize()[2] - cropped_slices],
        moving=_int16(enhanced + _noise(moved, rng), moved),
        points=points,
        places=np.array([truth.TransformPoint(point) for point in points.tolist()]),
    )


def write_pair(folder: Path, pair: Pair, facts: dict[str, Any]) -> None:
    """Write a pair with its liver mask and its truth into a new folder, uncompressed: it is read often."""
    folder.mkdir(parents=True)
    sitk.WriteImage(pair.reference, str(folder / "reference.mha"))
    sitk.WriteImage(pair.moving, str(folder / "moving.mha"))
    sitk.WriteImage(pair.mask, str(folder / "liver.mha"), True)
    truth = {
        "facts": {"name": folder.name.strip(".").removesuffix(".partial"), **facts},
        "reference_phase": pair.reference_phase,
        "points_mm": pair.points.round(4).tolist(),
        "places_mm": pair.places.round(4).tolist(),
    }
    (folder / "pair.json").write_text(json.dumps(truth) + "\n")


def read_pair(folder: Path) -> Pair:
    """Read what `write_pair` wrote."""
    truth = json.loads((folder / "pair.json").read_text())
    return Pair(
        *(sitk.ReadImage(str(folder / f"{name}.mha")) for name in ("reference", "moving")),
        points=np.array(truth["points_mm"]),
        places=np.array(truth["places_mm"]),
        mask=sitk.ReadImage(str(folder / "liver.mha")),
        reference_phase=truth["reference_phase"],
    )


def breath_pairs(cohort: Path, *, per_case: int = 1) -> Iterator[tuple[str, Pair]]:
    """Give pairs of a cohort (truth.json beside the phases) whose liver moves against spine and skin.

    Args:
        cohort: Folder of case folders, as the phantom and shared cohorts are laid out.
        per_case: Moving phases taken of each case, those that moved most.
    """
    for truth_file in sorted(cohort.glob("*/truth.json")):
        truth, case = json.loads(truth_file.read_text()), truth_file.parent
        reference = truth["reference"]
        fixed = sitk.ReadImage(str(case / f"{reference}.nii.gz"))
        mask = sitk.ReadImage(str(case / f"liver_{reference}.nii.gz"))
        voxels = np.argwhere(mask_from_image(mask))
        points = world_from_index(
            volume_from_image(mask), voxels[np.random.default_rng(0).choice(len(voxels), 500)]
        )
        places = {
            phase: _places(truth, phase, points, fixed)
            for phase in ("nc", "art", "pv", "dl")
            if phase != reference and (case / f"{phase}.nii.gz").exists()
        }
        moved_most = sorted(places, key=lambda p: -float(np.linalg.norm(places[p] - points, axis=1).mean()))
        for phase in moved_most[:per_case]:
            moving = sitk.ReadImage(str(case / f"{phase}.nii.gz"))
            yield f"{case.name}_{phase}", Pair(fixed, moving, points, places[phase], mask, reference)


def _places(truth: dict[str, Any], phase: str, points: np.ndarray, reference: sitk.Image) -> np.ndarray:
    """Give where liver points lie in another phase, by either form of truth.json."""
    if "motions" in truth:  # the phantom's
        return np.asarray(liver_points_in_moving(truth, phase, points))
    along_axes_mm = np.array(truth["motion_zyx_mm"][phase][::-1])
    return points + np.array(reference.GetDirection()).reshape(3, 3) @ along_axes_mm


def _random_motion(
    rng: np.random.Generator, shift_mm: float, angle_deg: float, centre: np.ndarray
) -> sitk.Transform:
    """Draw a rigid motion; far shifts go mostly along z, as scans that start elsewhere do."""
    axis, direction = rng.standard_normal((2, 3))
    if shift_mm > 60:
        direction[:2] *= 0.3
    motion = sitk.VersorRigid3DTransform()
    motion.SetCenter(centre.tolist())
    motion.SetRotation((axis / np.linalg.norm(axis)).tolist(), float(np.deg2rad(angle_deg)))
    motion.SetTranslation((shift_mm * direction / np.linalg.norm(direction)).tolist())
    return motion


def _noise(image: sitk.Image, rng: np.random.Generator) -> np.ndarray:
    return 12 * rng.standard_normal(image.GetSize()[::-1])


def _int16(values: np.ndarray, image: sitk.Image) -> sitk.Image:
    return image_like(np.clip(np.rint(values), -1024, 3071).astype(np.int16), image)
