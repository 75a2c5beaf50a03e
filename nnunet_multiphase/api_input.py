"""Take what other programs give to the public functions: files or images, of which every kind may be wrong."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.file_header import refuse_unclear_header
from registration.volume import check_one_value

Volume: TypeAlias = sitk.Image | str | Path
"""A volume, or where it lies: a file in any format that ITK reads, or the folder of a DICOM series."""


def _read(volume: Volume, *, drawing: bool = False) -> sitk.Image:
    given = path_or_image(volume)
    return read_volume(given, drawing=drawing) if isinstance(given, Path) else given


def path_or_image(volume: Volume) -> sitk.Image | Path:
    """Refuse what is no volume."""
    if not isinstance(volume, (sitk.Image, str, os.PathLike)):
        raise InputError(
            f"a {type(volume).__name__} is no volume: expected a SimpleITK.Image or a path (an array does not say where it "
            "lies: SimpleITK.GetImageFromArray, then SetSpacing, SetOrigin and SetDirection)"
        )
    if not isinstance(volume, sitk.Image):
        return Path(volume)
    if volume.GetDimension() != 3 or volume.GetNumberOfComponentsPerPixel() != 1:
        size = " x ".join(map(str, volume.GetSize()))
        raise InputError(
            f"an image of {size} voxels with {volume.GetNumberOfComponentsPerPixel()} value(s) each is no volume: expected "
            "three axes and one value; take the part that is meant, such as image[:, :, :, 0]"
        )
    return volume


def lesion_values(lesion_labels: Sequence[int] | int | None) -> tuple[int, ...] | None:
    """Give the values that are lesion; a single one may come as a number."""
    if lesion_labels is None:
        return None
    given = [lesion_labels] if isinstance(lesion_labels, int | np.integer) else lesion_labels
    if isinstance(given, str) or not all(
        isinstance(value, int | np.integer) and value > 0 for value in given
    ):
        raise InputError(f"lesion_labels {lesion_labels!r}: expected whole numbers above 0, such as [1]")
    return tuple(int(value) for value in given)


def _by_phase(phases: Mapping[str, Volume]) -> Mapping[str, Volume]:
    if not isinstance(phases, Mapping):
        raise InputError(
            f"phases are a {type(phases).__name__}: expected a dict of phase -> volume, such as {{'pv': ...}}"
        )
    return phases


def read_hu(phases: Mapping[str, Volume], accept: Collection[str]) -> dict[str, sitk.Image]:
    """Read phases, and refuse those whose values cannot be HU: all that is told of them would be wrong."""
    from nnunet_multiphase.cases.plausibility import sample_volume
    from nnunet_multiphase.cases.plausible_values import find_implausible_values

    images = {}
    for phase, volume in _by_phase(phases).items():
        images[phase] = read_placed(volume, accept)
        if not np.isfinite(sitk.GetArrayViewFromImage(images[phase]).sum(dtype=np.float64)):
            raise InputError(
                f"phase {phase} holds values that are not numbers (NaN or infinite): expected HU"
            )
        finding = find_implausible_values(sample_volume(images[phase]))
        if finding is not None and finding.check not in accept:
            raise InputError(f"phase {phase} {finding.clause}; if it is right, accept=[{finding.check!r}]")
    return images


def read_placed(volume: Volume, accept: Collection[str], *, drawing: bool = False) -> sitk.Image:
    """Read a volume whose sides and sizes matter."""
    if isinstance(volume, (str, os.PathLike)):
        try:
            refuse_unclear_header(Path(volume), accept)
        except ValueError as error:
            raise InputError(str(error)) from error
    return _read(volume, drawing=drawing)


def read_mask(volume: Volume | None) -> sitk.Image | None:
    """Read a mask, if there is one."""
    return None if volume is None else _read(volume, drawing=True)


def refuse_several_values(mask: sitk.Image, what: str) -> None:
    """Refuse organ maps and probabilities where a mask is wanted."""
    try:
        check_one_value(mask, what)
    except ValueError as error:
        raise InputError(str(error)) from error


def read_drawn_on(grid: sitk.Image | None, volume: Volume | None, what: str) -> sitk.Image | None:
    """Read a mask that is drawn on a volume, in whatever axis order either is stored."""
    from nnunet_multiphase.evaluation.lesions import require_same_grid
    from nnunet_multiphase.volumes.orientation import stored_grid, turned

    mask = read_mask(volume)
    if mask is None or grid is None:
        return mask
    refuse_several_values(mask, what)
    mask = turned(mask, stored_grid(grid).axes)
    require_same_grid(grid, mask, f"the reference and {what}")
    return mask
