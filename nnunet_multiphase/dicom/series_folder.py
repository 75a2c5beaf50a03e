"""Read a folder of DICOM files that stands for one volume, by the same steps as a whole tree."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from nnunet_multiphase.dicom.geometry import TOO_FEW, Grid, lay_out
from nnunet_multiphase.dicom.interleaved import INTERLEAVED, is_interleaved
from nnunet_multiphase.dicom.kind import with_kinds
from nnunet_multiphase.dicom.pixels import as_image, read_drawing, read_hu_and_remarks
from nnunet_multiphase.dicom.regrid import resample_if_irregular
from nnunet_multiphase.dicom.scan import Tree, scan_tree
from nnunet_multiphase.dicom.volumes import Volume, volumes_of
from nnunet_multiphase.errors import InputError
from registration.volume import MIN_VOXELS

REMARKS = "remarks"
"""The key under which a volume carries what is to be said of it."""

_INSTEAD = "export the series again, or use `nnunet-multiphase import-dicom`"
_TOLD = ("no Rescale", "text is burned", "a lung or bone")
"""Doubts that are said and no more: the user gave this folder. Whether unscaled values are HU, the values tell."""


def read_series_folder(folder: Path) -> sitk.Image:
    """Read the one CT volume of a folder.

    Args:
        folder: With DICOM files, at any depth; scouts, reports and the like beside the volume do not count.

    Returns:
        The volume in HU. Its metadata `remarks` holds what is to be said of it, parted by semicolons.

    Raises:
        InputError: No CT volume, several, or one that import-dicom would not use.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom quotes odd values, names too
        volume = volume_of_folder(folder)
        grid = volume.grid
        assert grid is not None
        hu, remarks = read_hu_and_remarks(grid, str(folder))
        if is_interleaved(hu, grid.spacing_mm):
            raise InputError(f"{folder}: {INTERLEAVED}; {_INSTEAD}")
        image = as_image(hu, grid)
        image.SetMetaData(REMARKS, "; ".join((*remarks, *volume.doubts, *volume.notes)))
        return image


def volume_of_folder(folder: Path) -> Volume:
    """Find the one CT volume of a folder.

    Raises:
        InputError: There is none, or several, or one that import-dicom would not use.
    """
    tree = _whole_tree(folder)
    volumes = [
        resample_if_irregular(volume, on_request=False)
        for series in tree.series
        for volume in volumes_of(series)
    ]
    volumes = with_kinds(volumes)
    phases = [volume for volume in volumes if volume.has_phase] or volumes
    if len(phases) != 1:
        found = len({volume.series.uid for volume in phases})
        several = f"{found} DICOM series" if found > 1 else f"{len(phases)} volumes in one DICOM series"
        raise InputError(
            f"{folder} holds {several}: expected one; keep one, or use `nnunet-multiphase import-dicom`"
        )
    return replace(phases[0], grid=_usable_grid(phases[0], folder))


def read_drawing_folder(folder: Path) -> sitk.Image:
    """Read the one mask of a folder, stored as a series of images; its modality and rescaling mean nothing.

    Raises:
        InputError: Not one series, or its slices make no volume.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = _whole_tree(folder)
        if len(tree.series) != 1:
            raise InputError(f"{folder} holds {len(tree.series)} DICOM series: expected one mask; keep one")
        grid, problems = lay_out(tree.series[0].slices, min_slices=MIN_VOXELS)
        if grid is None:
            raise InputError(f"{folder}: {'; '.join(problems)}; export the mask again")
        return as_image(read_drawing(grid, str(folder)), grid)


def _whole_tree(folder: Path) -> Tree:
    tree = scan_tree(folder)
    if tree.lost:
        raise InputError(f"{folder}: {'; '.join(tree.lost)}")
    return tree


def _usable_grid(volume: Volume, folder: Path) -> Grid:
    if volume.grid is None and any(TOO_FEW in problem for problem in volume.blocked):
        # In a whole tree few slices are a bolus-timing run; here the user says what they are.
        grid, blocked = lay_out(volume.slices, min_slices=MIN_VOXELS)
        volume = replace(volume, grid=grid, blocked=tuple(blocked))
    reasons = [*volume.blocked, *(doubt for doubt in volume.doubts if not doubt.startswith(_TOLD))]
    if volume.grid is None or reasons:
        raise InputError(f"{folder}: {'; '.join(reasons)}; {_INSTEAD}")
    return volume.grid
