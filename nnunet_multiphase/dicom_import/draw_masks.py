"""Step 8c: draw the masks of one volume on its slices, and make sure that they lie in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunet_multiphase.dicom.regrid import resample_mask
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.drawing import Drawn
from nnunet_multiphase.dicom_import.drawn_gaps import gaps
from nnunet_multiphase.dicom_import.masks import Layer
from nnunet_multiphase.dicom_import.rtstruct import fill_contours
from nnunet_multiphase.dicom_import.segmentation import draw_segment
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.words.labels import LESIONS, LIVER

MIN_INSIDE = 0.95
"""Less of a mask than this in its volume: it lies beside it, and one of the two is wrong."""

SAME_VOLUME = 0.1
"""So much more or less, in parts of one, may a mask hold on the volume's voxels than on its own."""


AIR_HU = -300.0
"""Neither liver nor lesion is as dark: fat ends at -150, lung begins at -500."""

BESIDE_LIVER_MM = 20.0
"""A lesion on the liver's surface may bulge so far out of a mask that was drawn roughly."""


@dataclass(frozen=True, eq=False)
class Masks:
    """What was drawn on one volume."""

    kinds: dict[str, np.ndarray]  # (z, y, x) bool; one that is all False was drawn empty
    lesion_free: bool  # the user says that there is no lesion
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _FileLesions:
    """What one file marks as lesions on a volume."""

    mask: np.ndarray  # (z, y, x) bool
    keys: tuple[str, ...]  # of its masks


def draw_masks(layers: Iterable[Layer], volume: Volume, name: str) -> Masks:
    """Draw the masks of one volume; several of a kind are united.

    Args:
        layers: Those on this volume.
        volume: One that is used.
        name: What to call it in a message.

    Returns:
        Them, and what the user should know, one sentence each.

    Raises:
        InputError: A mask cannot be read, lies beside the volume or between its slices, or marks none of its voxels
            though it is not empty.
    """
    assert volume.grid is not None
    kinds: dict[str, np.ndarray] = {}
    of_file: dict[Path, _FileLesions] = {}
    notes: list[str] = []
    lesion_free = False
    for layer in layers:
        what = f"{name}: {layer.title}"
        try:
            if layer.file.modality == "SEG":
                drawn = draw_segment(layer.file.path, layer.number, layer.planes, volume.grid)
            else:
                drawn = fill_contours(layer.planes, volume.grid)
            notes += [f"{what}: {note}" for note in (*drawn.notes, *_check(drawn, volume))]
        except InputError as error:
            raise InputError(f"{what} {error}") from error
        except Exception as error:
            # The libraries' own words may quote the file, and with it the patient.
            raise InputError(f"{what} cannot be read ({type(error).__name__}); export it again") from error
        if layer.lesion_free and drawn.mask.any():
            raise InputError(
                f"{what} holds {int(drawn.mask.sum())} voxels, but the mask table says lesion-free; set taken_as to "
                "lesions or no"
            )
        lesion_free |= layer.lesion_free
        kinds[layer.kind] = kinds.get(layer.kind, False) | drawn.mask
        if layer.kind == LESIONS:
            before = of_file.get(layer.file.path, _FileLesions(np.zeros_like(drawn.mask), ()))
            of_file[layer.file.path] = _FileLesions(before.mask | drawn.mask, (*before.keys, layer.key))
    notes += [f"{name}: {note}" for note in _drawn_twice(list(of_file.values()))]
    # A mask is drawn on the slices it was made for, then goes where they go.
    kinds = {kind: resample_mask(mask, volume.grid) for kind, mask in kinds.items()}
    return Masks(kinds, lesion_free, tuple(notes))


def check_against_voxels(masks: Masks, hu: np.ndarray, spacing_mm: tuple[float, float, float]) -> list[str]:
    """Make sure that masks lie in the body, and say where lesions and liver do not go together.

    Args:
        masks: Of one volume.
        hu: (z, y, x).
        spacing_mm: x, y, z.

    Returns:
        What the user should know.

    Raises:
        InputError: More than half of a mask is air.
    """
    for kind, mask in masks.kinds.items():
        if mask.any() and (air := float((hu[mask] < AIR_HU).mean())) > 0.5:
            raise InputError(
                f"the {kind} mask lies beside what it was drawn on: {100 * air:.0f} % of its voxels are air (below "
                f"{AIR_HU:.0f} HU); export it again with the positions and orientation of its images"
            )
    liver, lesions = masks.kinds.get(LIVER), masks.kinds.get(LESIONS)
    if liver is None or lesions is None or not liver.any() or not lesions.any():
        return []
    box = tuple(
        slice(max(int(axis.min() - BESIDE_LIVER_MM / step), 0), int(axis.max() + BESIDE_LIVER_MM / step) + 1)
        for axis, step in zip(np.nonzero(liver), spacing_mm[::-1], strict=True)
    )
    if not lesions[box].any():
        return [
            f"no voxel of the lesions lies within {BESIDE_LIVER_MM:.0f} mm of the liver's bounds; look at both, and at "
            "what the labels mean"
        ]
    return []


def _drawn_twice(files: list[_FileLesions]) -> list[str]:
    """Look for files that mark some voxels as lesions both, and others not: two readings, or an old and a new one."""
    pairs = [
        (a, b)
        for i, a in enumerate(files)
        for b in files[:i]
        if (a.mask & b.mask).any() and not np.array_equal(a.mask, b.mask)
    ]
    if not pairs:
        return []
    count = len({id(one) for pair in pairs for one in pair})
    keys = sorted({key for pair in pairs for one in pair for key in one.keys})
    dice = max(2 * (a.mask & b.mask).sum() / (a.mask.sum() + b.mask.sum()) for a, b in pairs)
    return [
        f"lesion masks of {count} files overlap (Dice up to {dice:.2f}) and are united ({', '.join(keys)}); if they are two "
        "versions or two readings of the same lesions, set taken_as to no for those of one file in the mask table and pass "
        "--mask-table"
    ]


def _check(drawn: Drawn, volume: Volume) -> list[str]:
    """Compare what a mask holds with what has come of it on the volume.

    Returns:
        What the user should know.

    Raises:
        InputError: It is another shape now.
    """
    if np.isnan(drawn.inside):
        return []
    if drawn.inside < MIN_INSIDE:
        raise InputError(
            f"lies beside its volume: {100 * drawn.inside:.0f} % of its voxels lie in it; export it again with the "
            "positions and orientation of its images, or name its series in the mask table"
        )
    if not drawn.mask.any():
        raise InputError(
            f"holds {drawn.own_ml:.2g} ml, but no voxel's centre of the volume; draw it on the volume itself"
        )
    notes = []
    if drawn.inside < 1:
        notes.append(f"{100 * (1 - drawn.inside):.1f} % of it lie outside the volume and were cut off")
    assert volume.grid is not None
    ml = int(drawn.mask.sum()) * float(np.prod(volume.grid.spacing_mm)) / 1000
    if volume.grid.size is None and abs(ml / (drawn.own_ml * drawn.inside) - 1) > SAME_VOLUME:
        notes.append(f"it holds {drawn.own_ml:.3g} ml in its file and {ml:.3g} ml on the volume's voxels")
    return notes + gaps(drawn.mask)
