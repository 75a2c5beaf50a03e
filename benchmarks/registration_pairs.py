"""Keep pairs of volumes whose true motion is known as files, and take those of a cohort with truth.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.phantom.truth import liver_points_in_moving
from registration.volume import mask_from_image, volume_from_image, world_from_index


@dataclass(frozen=True)
class Pair:
    """Hold two volumes, where points of the first lie in the second, and the liver if it is known.

    Attributes:
        reference: Fixed volume.
        moving: Moving volume.
        points: Points to judge by (n, 3), world mm, in the reference.
        places: Where they lie in the moving volume (n, 3), world mm.
        mask: The liver on the reference's grid.
        reference_phase: The reference's contrast phase.
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
