"""Say which preprocessed images are not of the size that plans ask for.

nnU-Net does not look: it trains on what lies there, and predicts as the plans say.
Only what stands at the head of a case's files is read, never voxels: its size, and what it was before resampling.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnunet_multiphase.errors import first_of

KNOWN_RESAMPLING = {
    *("resample_data_or_seg_to_shape", "resample_torch_fornnunet", "resample_torch_simple"),
}
"""nnU-Net's functions that give exactly the size they are asked for."""

ARRAY_BYTES = 1 << 14
"""What is longer is no spacing or size."""


@dataclass(frozen=True)
class Asked:
    """Hold what plans ask of the images of one configuration.

    Attributes:
        plans: Their name.
        configuration: Such as 3d_fullres.
        data_identifier: Folder of the images within the preprocessed dataset.
        spacing_mm: In the axes of the images; two for slices, whose distance stays as it is.
        transpose: The images' axes in those of the files.
        channels: How many.
        home: The configuration that is preprocessed into this folder; None: that of other plans, or one of another spacing.
    """

    plans: str
    configuration: str
    data_identifier: str
    spacing_mm: tuple[float, ...]
    transpose: tuple[int, ...]
    channels: int
    home: str | None


def what_plans_ask(plans: Mapping[str, Any], configuration: str, record: Mapping[str, Any]) -> Asked | None:
    """Read what a configuration asks; None where a preprocessor or resampling of somebody else's decides the size.

    Args:
        plans: The content of a plans file.
        configuration: One of its configurations.
        record: The dataset.json.
    """
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    of = PlansManager(dict(plans)).get_configuration(configuration)
    if "spacing" not in of.configuration or "data_identifier" not in of.configuration:
        return None
    if of.configuration.get("resampling_fn_data") not in KNOWN_RESAMPLING:
        return None
    if of.preprocessor_class.run_case_npy is not DefaultPreprocessor.run_case_npy:
        return None
    name = str(plans["plans_name"])
    home: str | None = str(of.data_identifier).removeprefix(f"{name}_")
    others = plans["configurations"]
    if home not in others:
        home = None
    elif home != configuration:
        theirs = PlansManager(dict(plans)).get_configuration(str(home)).configuration.get("spacing")
        home = home if theirs is not None and list(theirs) == list(of.spacing) else None
    return Asked(
        name,
        configuration,
        str(of.data_identifier),
        tuple(map(float, of.spacing)),
        tuple(plans["transpose_forward"]),
        len(record.get("channel_names") or record["modality"]),
        home,
    )


def told_of_unfit_images(
    preprocessed: Path, asked: Asked, cases: Collection[str], previous: Path | None = None
) -> str:
    """Say which images do not have the size that plans ask for, and what to do; empty where all have, or none is there.

    Args:
        preprocessed: The dataset's folder in nnUNet_preprocessed.
        asked: What the plans ask.
        cases: Whose images are looked at.
        previous: Folder of what a cascade's low resolution predicted.
    """
    folder = preprocessed / asked.data_identifier
    unfit = {case: told for case in sorted(cases) if (told := _told_of_case(folder, case, asked))}
    if unfit:
        case, told = next(iter(unfit.items()))
        return (
            f"{case} in {folder} (and {len(unfit) - 1} more of {len(cases)} cases) {told}: "
            if len(unfit) > 1
            else f"{case} in {folder} {told}: "
        ) + what_to_preprocess(preprocessed.name, asked)
    lacking = [case for case in sorted(cases) if previous and not _is_stored(previous, case)]
    if lacking:
        return (
            f"{len(lacking)} of {len(cases)} cases ({first_of(lacking)}) have no prediction of the low resolution in "
            f"{previous}, as where a fold of it was not trained: train all folds of the low resolution first, and where "
            "they were trained before these images were preprocessed, validate them again (--val)"
        )
    for case in sorted(cases) if previous else ():
        there, image = (_stored_shape(of, case) for of in (previous, folder))
        if there and image and there[-3:] != image[-3:]:
            return (
                f"{case}: what the low resolution predicted has {_times(there[-3:])} voxels, its image {_times(image[-3:])} "
                f"({previous} was made for other images): validate the folds of the low resolution again (--val)"
            )
    return ""


def _told_of_case(folder: Path, case: str, asked: Asked) -> str:
    shape, before = _stored_shape(folder, case), _before_resampling(folder / f"{case}.pkl")
    if shape is None or before is None or len(shape) != 4 or len(asked.transpose) != 3:
        return ""
    size, spacing_mm = before[0], [before[1][axis] for axis in asked.transpose]
    from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape

    target = [*spacing_mm[: 3 - len(asked.spacing_mm)], *asked.spacing_mm]
    wanted = tuple(map(int, compute_new_shape(size, spacing_mm, target)))
    if shape[0] != asked.channels:
        return f"has {shape[0]} channels, and dataset.json {asked.channels}"
    if shape[1:] == wanted:
        return ""
    there = [n * s / max(m, 1) for n, s, m in zip(size, spacing_mm, shape[1:], strict=True)]
    return (
        f"has {_times(shape[1:])} voxels, of about {_times(there)} mm; the plans {asked.plans} ask for {_times(wanted)}, of "
        f"{_times(target)} mm, and predictions would be made in these"
    )


def what_to_preprocess(dataset: str, asked: Asked) -> str:
    """Say what makes the images anew as plans ask for them."""
    own = asked.home or asked.configuration
    command = f"nnUNetv2_preprocess -d {dataset} -plans_name {asked.plans} -c {own}"
    if asked.home is None:
        return (
            f"these images were made for others; give {asked.configuration} a data_identifier of its own in the plans, "
            f"such as {asked.plans}_{asked.configuration}, and run {command}"
        )
    return f"these images were made with other plans; run {command}, or put back the plans of before"


class _Head(io.BufferedReader):
    """Pass over the content of a pickle's arrays: megabytes a case that tell where the classes' voxels are."""

    def readinto(self, buffer: Any) -> int:
        length = memoryview(buffer).nbytes
        if length < ARRAY_BYTES:
            return super().readinto(buffer)
        self.seek(length, io.SEEK_CUR)
        return length


def _before_resampling(file: Path) -> tuple[tuple[int, ...], tuple[float, ...]] | None:
    """Give size (as the images' axes lie) and spacing in mm (as the files' do) before resampling; None: it does not say."""
    try:
        with _Head(io.FileIO(file)) as stream:
            told = pickle.load(stream)  # as nnU-Net reads its own file at every step
        size = told["shape_after_cropping_and_before_resampling"]
        spacing = told["spacing"]
        if len(size) != 3 or len(spacing) != 3:
            return None
        return tuple(map(int, size)), tuple(map(float, spacing))
    except Exception:  # whoever needs the file says what is wrong with it
        return None


def _is_stored(folder: Path, case: str) -> bool:
    return any((folder / f"{case}{ending}").is_file() for ending in (".b2nd", ".npy", ".npz"))


def _stored_shape(folder: Path | None, case: str) -> tuple[int, ...] | None:
    """Read how large an array is, from the head of its file; None where there is none that can be read."""
    if folder is None:
        return None
    try:
        if (file := folder / f"{case}.b2nd").is_file():
            import blosc2

            return tuple(map(int, blosc2.open(urlpath=str(file), mode="r").shape))
        if (file := folder / f"{case}.npy").is_file():
            return np.load(file, mmap_mode="r").shape
        with zipfile.ZipFile(folder / f"{case}.npz") as archive:
            name = next(n for n in ("data.npy", "seg.npy") if n in archive.namelist())
            with archive.open(name) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0
                return (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(stream)[0]
    except Exception:  # a damaged file: nnU-Net says so when it reads it
        return None


def _times(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
