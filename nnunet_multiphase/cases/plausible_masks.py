"""Judge by HU, size and side whether a mask can lie on the organ it is named after, and try how it would fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunet_multiphase.cases.plausibility import Finding, patient_axes

FEW_VOXELS = 200
"""Fewer say nothing; a lesion of this many is some 6 mm."""
MOST_VOXELS = 20_000
NOT_LIVER_HU = -60.0
"""Fat and air; noise and fatty livers seldom go so far."""
BRIGHT_HU = 300.0
LIVER_MEDIAN_HU = (-30.0, 300.0)
MOST_DARK = 0.15
"""Share of a liver mask that may be fat or air: a drawing 4 mm too wide holds a tenth."""
MOST_BRIGHT = 0.25
ASTRAY = 0.05
BETTER = 3.0
"""A mask with this share of fat, air and bone that elsewhere would have a third of it was drawn on something else."""
LESION_DARK_HU = -60.0
MOST_LESION_DARK = 0.4
MOST_LESIONS_DARK = 0.3
LEAST_LESION_ML = 1.0
"""Fat (adenoma, angiomyolipoma) and gas (embolisation, abscess) fill less of a lesion; small ones are drawn loosely."""
LIVER_ML = (60.0, 6000.0)
FLAT_MM = (45.0, 90.0)
"""A liver less tall and wider than this is squeezed: the slices' distance is lost. Small children's are 60 mm tall."""
MOST_OF_VOLUME = 0.5
THIN_MM = 8.0
"""A tenth of a liver lies deeper than this: in each of 20 of the phantom's, large tumours and resections among them, deeper
than 12.9 mm; in vessels of up to 18 mm across, 6 mm at most."""
COARSE_MM = 3.0
LEFT_OF_MIDDLE = 0.15
LESION_LEFT_OF_MIDDLE = 0.65
"""Centres left of the body's middle, in half widths of the body: livers lie at -0.3, lesions seldom at the spleen."""
SHIFTS_MM = (15.0, 30.0)


def find_misplaced_liver(mask: np.ndarray, image: sitk.Image) -> Finding | None:
    """Say why a liver mask cannot lie on the liver, by the HU in it.

    Args:
        mask: Boolean (z, y, x).
        image: The volume it is drawn on, in HU.
    """
    if int(mask.sum()) < FEW_VOXELS:
        return None
    values = sitk.GetArrayViewFromImage(image)
    index = _some_voxels(mask)
    inside = values[tuple(index.T)].astype(float)
    median = float(np.median(inside))
    # A liver full of fat is dark as a whole.
    dark = float((inside < min(NOT_LIVER_HU, median - 80)).mean())
    bright = float((inside > BRIGHT_HU).mean())
    astray = float(((inside < NOT_LIVER_HU / 2) | (inside > BRIGHT_HU)).mean())
    elsewhere, better = _best_place(index, values, image)
    fits = better * BETTER < astray
    if not (
        dark > MOST_DARK
        or bright > MOST_BRIGHT
        or not LIVER_MEDIAN_HU[0] <= median <= LIVER_MEDIAN_HU[1]
        or (astray > ASTRAY and fits)
    ):
        return None
    cure = f"; {elsewhere} it would fit: correct the mask" if fits else "; correct the mask, or its phase"
    return Finding(
        "liver-hu",
        f"has {100 * astray:.0f} % of its voxels below {NOT_LIVER_HU / 2:.0f} or above {BRIGHT_HU:.0f} HU (median "
        f"{median:.0f}), fat, air or bone where the liver is expected{cure}",
    )


def find_misplaced_lesions(mask: np.ndarray, image: sitk.Image) -> Finding | None:
    """Say why lesions cannot lie in an organ, by the HU in them; arguments as in `find_misplaced_liver`."""
    if int(mask.sum()) < FEW_VOXELS:
        return None
    values = sitk.GetArrayViewFromImage(image)
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    pieces, count = ndimage.label(mask[box])
    ml = float(np.prod(image.GetSpacing())) / 1000
    dark = (values[box] < LESION_DARK_HU) & mask[box]
    voxels = np.bincount(pieces.ravel(), minlength=count + 1)
    shares = np.bincount(pieces.ravel(), weights=dark.ravel(), minlength=count + 1) / np.maximum(voxels, 1)
    shares[0] = 0
    astray = np.flatnonzero((shares > MOST_LESION_DARK) & (voxels * ml >= LEAST_LESION_ML))
    overall = float(dark.sum() / mask.sum())
    if overall <= MOST_LESIONS_DARK and not len(astray):
        return None
    of_them = (
        f"{len(astray)} of {count} lesions lie" if len(astray) else f"{100 * overall:.0f} % of its voxels lie"
    )
    return Finding(
        "lesion-hu",
        f"does not fit: {of_them} in fat or air (below {LESION_DARK_HU:.0f} HU), as of a mask that is mirrored, moved or "
        "another case's; correct the mask",
    )


def find_implausible_mask_size(mask: np.ndarray, image: sitk.Image, organ: str) -> Finding | None:
    """Say why a mask is too large or too small for what it is of; arguments as in `find_misplaced_liver`."""
    share = float(mask.mean())
    ml = float(mask.sum()) * float(np.prod(image.GetSpacing())) / 1000
    corners = mask[tuple(slice(None, None, max(1, n - 1)) for n in mask.shape)]
    if share > MOST_OF_VOLUME and corners.mean() > 0.5:
        return Finding(
            "mask-size",
            f"covers {100 * share:.0f} % of the volume and its corners: inside and outside seem to be exchanged; write the "
            f"{organ} as 1 and the rest as 0",
        )
    if ml > LIVER_ML[1]:
        return Finding(
            "mask-size",
            f"holds {ml:.0f} ml where a liver has {LIVER_ML[0]:.0f} to {LIVER_ML[1]:.0f} ml: the mask is of something "
            "else, or the voxel size is wrong; correct it",
        )
    cut_off = mask[0].any() or mask[-1].any()
    if organ == "liver" and not cut_off and mask.sum() > 4 * FEW_VOXELS and ml < LIVER_ML[0]:
        return Finding(
            "mask-size",
            f"holds {ml:.1f} ml where a liver has {LIVER_ML[0]:.0f} to {LIVER_ML[1]:.0f} ml: the mask is of something "
            "else, or the voxel size is wrong; correct it",
        )
    return _flat_liver(mask, image) if organ == "liver" else None


def _flat_liver(mask: np.ndarray, image: sitk.Image) -> Finding | None:
    """Say that a whole liver is far wider than tall."""
    axes, _ = patient_axes(image)
    seen = [
        np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) for axis in axes
    ]
    if int(mask.sum()) < FEW_VOXELS or seen[0][0] == 0 or seen[0][-1] == mask.shape[axes[0]] - 1:
        return None  # cut off at an end of the volume
    tall, _, wide = (
        float((where[-1] - where[0] + 1) * image.GetSpacing()[2 - axis])
        for where, axis in zip(seen, axes, strict=True)
    )
    if tall >= FLAT_MM[0] or wide <= FLAT_MM[1]:
        return None
    return Finding(
        "spacing",
        f"is {wide:.0f} mm wide and {tall:.0f} mm tall, too flat for a liver: the distance of the slices "
        f"({image.GetSpacing()[2 - axes[0]]:.4g} mm) seems to be wrong; write it into the header in mm",
    )


def find_vessels_for_liver(
    liver: np.ndarray, lesions: np.ndarray | None, image: sitk.Image
) -> Finding | None:
    """Say that what is called the liver is everywhere as thin as vessels, as where label 1 is not the liver but they.

    Args:
        liver: Boolean (z, y, x).
        lesions: The same, or None: they are no part of the tissue whose depth counts.
        image: The volume it is drawn on.
    """
    steps = [max(1, int(COARSE_MM / mm)) for mm in image.GetSpacing()[::-1]]  # z, y, x
    every = tuple(slice(None, None, step) for step in steps)
    tissue = (liver if lesions is None else liver & ~lesions)[every]
    whole = (liver if lesions is None else liver | lesions)[every]
    if int(tissue.sum()) < FEW_VOXELS:
        return None
    # One voxel around it: beyond the volume's end it may go on.
    seen = tuple(
        slice(max(0, s.start - 1), s.stop + 1) for s in ndimage.find_objects(whole.astype(np.uint8))[0]
    )
    spacing = [step * mm for step, mm in zip(steps, image.GetSpacing()[::-1], strict=True)]
    depth_mm = ndimage.distance_transform_edt(whole[seen], sampling=spacing)
    deep = float(np.percentile(depth_mm[tissue[seen]], 90))
    if deep >= THIN_MM:
        return None
    return Finding(
        "mask-size",
        f"is thin for a liver: nine tenths of it lie within {deep:.0f} mm of its edge, as of vessels; if its label is the "
        "vessels', as label 1 of the set Task08_HepaticVessel, it is no liver: name that label with --other-labels, and "
        "no --liver-labels",
    )


def find_wrong_side(
    mask: np.ndarray, image: sitk.Image, middle_mm: float, width_mm: float, organ: str
) -> Finding | None:
    """Say that a mask lies on the patient's left, where no liver is.

    Args:
        mask: Boolean (z, y, x).
        image: The volume it is drawn on.
        middle_mm: Of the body, from the volume's right side.
        width_mm: Of the body.
        organ: lesions or liver.
    """
    if int(mask.sum()) < (FEW_VOXELS if organ == "liver" else 1):
        return None
    axes, flips = patient_axes(image)
    across = np.transpose(mask, axes)[flips].sum(axis=(0, 1))
    spacing = image.GetSpacing()[2 - axes[2]]
    centre = float((across * (np.arange(len(across)) + 0.5)).sum() / across.sum() * spacing)
    left = (centre - middle_mm) / (width_mm / 2)
    if left <= (LEFT_OF_MIDDLE if organ == "liver" else LESION_LEFT_OF_MIDDLE):
        return None
    return Finding(
        "liver-side",
        f"lies {centre - middle_mm:.0f} mm to the patient's left of the body's middle, where the {organ} "
        f"{'is' if organ == 'liver' else 'are'} not expected: mask or header are mirrored, unless the patient has a situs "
        "inversus; correct the header",
    )


def _best_place(index: np.ndarray, values: np.ndarray, image: sitk.Image) -> tuple[str, float]:
    """Try the mask mirrored and moved: what was done to it, and the share of fat, air and bone it then holds."""
    best, name = 1.0, ""
    for moved_name, moved in _other_places(index, values.shape, image):
        there = ((moved >= 0) & (moved < values.shape)).all(axis=1)
        if there.mean() < 0.8:
            continue
        inside = values[tuple(moved[there].T)]
        share = float(((inside < NOT_LIVER_HU / 2) | (inside > BRIGHT_HU)).mean())
        if share < best:
            best, name = share, moved_name
    return name, best


def _other_places(
    index: np.ndarray, shape: Sequence[int], image: sitk.Image
) -> Iterator[tuple[str, np.ndarray]]:
    """Give a mask's voxels mirrored, transposed in the slice, and moved along each axis, with what that is called."""
    axes, _ = patient_axes(image)
    names = {axes[0]: "upside down", axes[1]: "front to back", axes[2]: "right to left"}
    last = np.array(shape) - 1
    for flipped in ((2,), (1,), (0,), (1, 2), (0, 2), (0, 1), (0, 1, 2)):
        moved = index.copy()
        moved[:, flipped] = last[list(flipped)] - moved[:, flipped]
        yield "mirrored " + " and ".join(names[axis] for axis in flipped), moved
    back, across = axes[1], axes[2]
    if shape[back] == shape[across]:
        moved = index.copy()
        moved[:, [back, across]] = index[:, [across, back]]
        yield "with rows and columns exchanged", moved
        for axis in (back, across):
            turned = moved.copy()
            turned[:, axis] = last[axis] - turned[:, axis]
            yield f"with rows and columns exchanged and mirrored {names[axis]}", turned
    for axis in range(3):
        for mm in SHIFTS_MM:
            for sign in (-1, 1):
                moved = index.copy()
                moved[:, axis] += sign * round(mm / image.GetSpacing()[2 - axis])
                yield f"moved by about {mm:.0f} mm", moved


def _some_voxels(mask: np.ndarray) -> np.ndarray:
    """List voxels of a mask, at most so many, evenly."""
    flat = np.flatnonzero(mask)
    return np.column_stack(np.unravel_index(flat[:: -(-len(flat) // MOST_VOXELS)], mask.shape))
