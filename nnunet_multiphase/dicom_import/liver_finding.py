"""Step 4c: look for the liver in one volume's voxels, and see whether they plainly show another region of the body.

The finder is registration's: it takes the thickest even piece of soft tissue, be it a brain or a thigh. So it is asked
only where a liver can lie, slice by slice, and its answer counts only if that looks like a liver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from nnunet_multiphase.dicom.geometry import Grid
from registration.liver import BAND_HU, SMOOTHING_MM, find_liver
from registration.pyramid import shrink
from registration.settings import RegistrationSettings
from registration.shapes import filled_in_slices, opened_in_slices, smoothed
from registration.volume import Volume, image_on, volume_from_image

COARSE_MM = RegistrationSettings().layer_spacings_mm[0]
_BODY_HU = RegistrationSettings().body_threshold_hu

# What tells the regions apart, slice by slice; shares are of the slice's body. Bowel gas is darker than lung.
_LUNG_HU, _BONE_HU, _MARROW_HU = (-960.0, -450.0), 250.0, 180.0
_CHEST_LUNG = 0.22
_LUNG_AROUND_HU, _CHEST_AROUND = (
    (-900.0, -600.0),
    0.3,
)  # of a slice cut to the lungs: no wall, no air around it
_HEAD_ENCLOSED = 0.3
_PELVIS_BONE = 0.035  # with its like on the other side: contrast medium in the bowel has none
_LEGS_WAIST = 0.6  # how thick the body is in the middle, as a part of its thickest
_LEAST_CM2 = 130.0  # a neck, an arm; a child of one year has more at its liver
_THIN_CM2 = 300.0  # below it a bone in the very middle tells a neck or a thigh from a child's belly
_DOME_MM = 45.0  # how far the liver reaches up between the lungs
_LEAST_RUN_MM = 20.0
_NECK_MM = 200.0  # from the skull down, at least, to a liver

_LEAST_STRETCH_MM = {
    "pelvis": 90.0
}  # of belly without a liver, beside another region; a pelvis has some above it
_OTHER_STRETCH_MM = 40.0
_LEAST_SHARE = 0.09  # of the body's cross-section, where it is largest
_MOST_ALIKE = 0.6  # of its voxels that have their like on the other side of the body
_MOST_LEFT = 0.5
_MOST_IN_CHEST = 0.8
_CUT = 0.25  # of its largest area, in the outermost slice

Region = Literal["", "head", "neck", "chest", "pelvis", "limbs"]


@dataclass(frozen=True)
class Finding:
    """What one volume's voxels say of the liver.

    Attributes:
        kind: liver (it is there), other (another region of the body, plainly), unsure.
        region: Which other region; chest also where a liver was found at the end of one.
        heights_mm: Of the coarse slices' centres along the patient's axis (LPS z), rising.
        areas_cm2: The liver's cross-section there; all 0 unless it was found.
        width_mm: Of the body, from right to left.
        middle: Where the liver's middle is (x, y, z in LPS, mm); none unless it was found.
        liver_hu: The median of the liver's voxels; none unless it was found.
    """

    kind: Literal["liver", "unsure", "other"]
    region: Region
    heights_mm: tuple[float, ...]
    areas_cm2: tuple[float, ...]
    width_mm: float
    middle: tuple[float, float, float] | None = None
    liver_hu: float | None = None

    @property
    def step_mm(self) -> float:
        """Distance of the coarse slices."""
        return self.heights_mm[1] - self.heights_mm[0]

    @property
    def ml(self) -> float:
        """The volume found."""
        return sum(self.areas_cm2) * self.step_mm / 10

    @property
    def cut(self) -> tuple[bool, bool]:
        """Whether the liver goes on below the lowest slice, and above the highest."""
        limit = _CUT * max(self.areas_cm2)
        return self.areas_cm2[0] > limit, self.areas_cm2[-1] > limit


def shrunk(hu: np.ndarray, grid: Grid, spacing_mm: float) -> Volume:
    """Average blocks of voxels until they have about the given size; the axes stay as they are."""
    directions = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_mm)
    return shrink(Volume(hu, directions, np.array(grid.origin)), spacing_mm)


def coarse_volume(hu: np.ndarray, grid: Grid) -> Volume:
    """Average a volume to some 6 mm and turn it so that z runs up, y back and x left.

    Args:
        hu: (z, y, x).
        grid: Where it lies.

    Returns:
        HU as float32.
    """
    small = shrunk(hu, grid, COARSE_MM)
    turned = volume_from_image(sitk.DICOMOrient(image_on(small.values, small), "LPS"))
    return Volume(np.maximum(turned.values, -1024), turned.index_to_world, turned.origin)


def look_for_liver(volume: Volume) -> Finding:
    """Judge whether a volume shows the liver.

    Args:
        volume: From `coarse_volume`.

    Returns:
        The finding; where nothing is plain, "unsure".
    """
    dense = filled_in_slices(opened_in_slices(volume.values > _BODY_HU))
    labels = _regions(volume, dense)
    heights = tuple(float(z) for z in volume.origin[2] + np.arange(len(dense)) * volume.index_to_world[2, 2])
    x = np.flatnonzero(dense.any(axis=(0, 1)))
    width = float((np.ptp(x) + 1) * volume.spacing_mm[0]) if len(x) else 0.0
    liver = _liver_in(volume, dense, labels, _where_a_liver_can_lie(labels, volume.spacing_zyx_mm[0]))
    if liver is not None:
        pixel_cm2 = float(np.prod(volume.spacing_zyx_mm[1:])) / 100
        middle = volume.index_to_world @ np.argwhere(liver).mean(axis=0)[::-1] + volume.origin
        return Finding(
            "liver",
            "chest" if (labels == "chest").mean() > 0.5 else "",
            heights,
            tuple(float(n) * pixel_cm2 for n in liver.sum(axis=(1, 2))),
            width,
            (float(middle[0]), float(middle[1]), float(middle[2])),
            float(np.median(volume.values[liver])),
        )
    region = _other_region(labels, volume.spacing_zyx_mm[0])
    if region and _liver_in(volume, dense, labels, labels != "head") is not None:
        region = ""  # the slices say no, the organ says yes
    nothing = (0.0,) * len(heights)
    return Finding("other" if region else "unsure", region, heights, nothing, width)


def _liver_in(
    volume: Volume, dense: NDArray[np.bool_], labels: NDArray[np.str_], allowed: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """Find the liver in the slices where one can lie, and keep it if it looks like one."""
    if not allowed.any():
        return None
    liver = find_liver(volume, dense & allowed[:, None, None])
    if liver is None or not _is_liver(liver, volume, dense):
        return None
    # Below the lungs' ends, or among them no more than a dome: else it is a heart.
    return liver if liver[labels == "chest"].sum() <= _MOST_IN_CHEST * liver.sum() else None


def _other_region(labels: NDArray[np.str_], step_mm: float) -> Region:
    """Name the region that fills a volume without a liver; none where enough of it may be belly."""
    named = labels[labels != ""]
    if not len(named):
        return ""
    names, counts = np.unique(named, return_counts=True)
    region: Region = names[np.argmax(counts)].item()
    belly = _where_a_liver_can_lie(labels, step_mm) & (labels == "")
    limit_mm = _LEAST_STRETCH_MM.get(region, _OTHER_STRETCH_MM)
    return region if belly.sum() * step_mm < min(limit_mm, 0.5 * len(labels) * step_mm) else ""


def _regions(volume: Volume, dense: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Name each slice's region where it is plain; empty elsewhere, as in the belly."""
    values = volume.values
    body = np.maximum(dense.sum(axis=(1, 2)), 1)
    area_cm2 = dense.sum(axis=(1, 2)) * np.prod(volume.spacing_zyx_mm[1:]) / 100
    lung = (values > _LUNG_HU[0]) & (values < _LUNG_HU[1]) & dense
    around = (values > _LUNG_AROUND_HU[0]) & (values < _LUNG_AROUND_HU[1])
    bone = values > _BONE_HU
    # One voxel of margin: a skull may touch the border.
    closed = ndimage.binary_closing(np.pad(bone, ((0, 0), (2, 2), (2, 2))), np.ones((1, 3, 3)))
    enclosed = filled_in_slices(closed)[:, 2:-2, 2:-2] & ~bone & dense
    thickness = dense.sum(axis=1)
    labels = np.full(len(dense), "", dtype="<U8")
    for k in range(len(dense)):
        x = np.flatnonzero(thickness[k])
        if not len(x):
            continue
        middle = thickness[k, round(float(x.mean())) - 1 : round(float(x.mean())) + 2].mean()
        if enclosed[k].sum() / body[k] >= _HEAD_ENCLOSED:
            labels[k] = "head"
        elif lung[k].sum() / body[k] >= _CHEST_LUNG or around[k].mean() >= _CHEST_AROUND:
            labels[k] = "chest"
        elif middle < _LEGS_WAIST * thickness[k].max():
            labels[k] = "limbs"
        elif area_cm2[k] < _LEAST_CM2 or (
            area_cm2[k] < _THIN_CM2 and _bone_in_the_middle(values[k], dense[k])
        ):
            labels[k] = "neck"
        elif (
            _bone_on_both_sides(bone[k] & dense[k], float(x.mean()), volume.spacing_mm[0]) / body[k]
            >= _PELVIS_BONE
        ):
            labels[k] = "pelvis"
    # A slice or two are no region: a pair of ribs looks like a pelvis.
    run = np.ones(min(len(labels), round(_LEAST_RUN_MM / volume.spacing_zyx_mm[0])))
    for name in np.unique(labels[labels != ""]):
        labels[(labels == name) & ~ndimage.binary_opening(labels == name, run)] = ""
    return labels


def _bone_in_the_middle(values: NDArray[np.float32], dense: NDArray[np.bool_]) -> bool:
    """Tell a slice whose bone lies where a neck's or a thigh's does; a belly's spine lies at the back."""
    bone = np.argwhere((values > _MARROW_HU) & dense)
    body = np.argwhere(dense)
    if len(bone) < 0.005 * len(body):
        return False
    aside = np.abs(bone.mean(axis=0) - body.mean(axis=0)) / (np.ptp(body, axis=0) / 2 + 1)
    return bool(aside.max() < 0.3)


def _bone_on_both_sides(bone: NDArray[np.bool_], middle: float, step_mm: float) -> int:
    """Count the bone voxels aside from the middle that have their like on the other side."""
    places = np.argwhere(bone)
    places = places[np.abs(places[:, 1] - middle) * step_mm > 30]
    near = ndimage.binary_dilation(bone, np.ones((3, 5)))
    mirrored = np.rint(2 * middle - places[:, 1]).astype(int)
    inside = (mirrored >= 0) & (mirrored < bone.shape[1])
    return int(near[places[inside, 0], mirrored[inside]].sum())


def _where_a_liver_can_lie(labels: NDArray[np.str_], step_mm: float) -> NDArray[np.bool_]:
    """Mark the slices between chest and pelvis, the dome among the lungs included."""
    allowed = labels == ""
    chest = np.flatnonzero(labels == "chest")
    if len(chest):
        dome = chest[0] + round(_DOME_MM / step_mm)
        allowed[chest[0] : dome] = True
        allowed[dome:] = False
    heads = np.flatnonzero(labels == "head")
    if len(heads):
        allowed[max(0, heads[0] - round(_NECK_MM / step_mm)) :] = False
    below = np.flatnonzero((labels == "pelvis") | (labels == "limbs"))
    below = below[below < np.flatnonzero(allowed).mean()] if allowed.any() else below
    if len(below):
        allowed[: below[-1] + 1] = False
    return allowed


def _is_liver(liver: NDArray[np.bool_], volume: Volume, dense: NDArray[np.bool_]) -> bool:
    """Tell the liver from a heart, muscles and a whole body that is one even mass."""
    shares = liver.sum(axis=(1, 2)) / np.maximum(dense.sum(axis=(1, 2)), 1)
    x = np.flatnonzero(dense.any(axis=(0, 1)))
    side = (np.argwhere(liver)[:, 2].mean() - x[0]) / max(np.ptp(x), 1)
    smooth = smoothed(volume.values, volume.spacing_zyx_mm, SMOOTHING_MM)
    like = np.abs(smooth - np.median(smooth[liver])) < BAND_HU
    # The like on the other side: mirror about the body's middle, to the voxel.
    mirrored = np.zeros_like(like)
    columns = x[0] + x[-1] - np.arange(like.shape[2])
    inside = (columns >= 0) & (columns < like.shape[2])
    mirrored[:, :, inside] = like[:, :, columns[inside]]
    alike = mirrored[liver].mean()
    return bool(shares.max() >= _LEAST_SHARE and side <= _MOST_LEFT and alike <= _MOST_ALIKE)
