"""Read one volume or mask, or say in a sentence why it cannot be used."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError

SUFFIXES: tuple[str, ...] = (".nii.gz", ".nii")

MIN_VOXELS = 4
"""Along each axis: the registration takes no less."""

GRID_TOLERANCE_VOXELS = 0.05
"""How far two grids may lie apart anywhere and still count as one: float32 headers differ by far less."""


class GridError(InputError):
    """Say that a mask lies on another grid than the volume it is for."""


@dataclass(frozen=True)
class MaskFiles:
    """Say where a mask is: in one file or in several on one grid, such as one a lesion."""

    paths: tuple[Path, ...]
    values: tuple[int, ...] | None = (1,)  # the labels that are the mask; None: all but 0
    others: tuple[int, ...] = ()  # further labels that may occur

    def __str__(self) -> str:
        """Name the files, for a message."""
        return ", ".join(str(path) for path in self.paths)

    @property
    def names(self) -> str:
        """Name the files without their folders."""
        return ", ".join(path.name for path in self.paths)


def nifti_stem(path: Path) -> str | None:
    """Give the file name without .nii or .nii.gz; None if it is no NIfTI name."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return None


def read_volume(path: Path) -> sitk.Image:
    """Read a 3D scalar volume, making sure the whole of it is there.

    SimpleITK reads what a cut-off .nii.gz lacks, and every NaN, as zero and says nothing: the bytes are looked
    at first.

    Args:
        path: A .nii or .nii.gz file, any other that SimpleITK reads (.nrrd, .mha), or a folder with the DICOM files
            of one series.

    Returns:
        The volume in the file's own pixel type.

    Raises:
        InputError: No such file, not readable, cut off, not 3D, fewer than 4 voxels along an axis, or with values
            that are no numbers.
    """
    if path.is_dir():
        return _read_series(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file: expected a NIfTI volume; restore it")
    try:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        size = reader.GetSize()
        components = reader.GetNumberOfComponents()
    except RuntimeError as error:
        raise InputError(
            f"{path} is not readable as {_format(path)} ({_reason(error)}): export it again"
        ) from error
    if len(size) != 3 or components != 1:
        shape = " x ".join(str(n) for n in (*size, *([components] if components != 1 else [])))
        raise InputError(
            f"{path} is not one 3D volume: expected three dimensions, found {shape}; export one volume per file"
        )
    if min(size) < MIN_VOXELS:
        raise InputError(
            f"{path} is too thin ({_by(size)} voxels): expected at least {MIN_VOXELS} voxels along each axis; "
            "export the whole series as one volume"
        )
    _check_content(path, reader)
    try:
        image = reader.Execute()
        # Compressed NIfTI was looked at byte by byte, for ITK hides its NaN; other formats keep theirs.
        if not np.isfinite(sitk.GetArrayViewFromImage(image).sum(dtype=np.float64)):
            raise InputError(
                f"{path} holds values that are not numbers (NaN or infinite): expected HU; export it again"
            )
        return image
    except RuntimeError as error:
        raise InputError(
            f"{path} is not readable as {_format(path)} ({_reason(error)}): export it again"
        ) from error


def _read_series(folder: Path) -> sitk.Image:
    """Read the one DICOM series of a folder."""
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        raise InputError(
            f"{folder} holds {len(series)} DICOM series: expected one; keep one, or use `nnunet-multiphase import-dicom`"
        )
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    try:
        steps_mm = np.diff([_height_mm(file) for file in files])
        # ITK would spread what is there evenly, and say so on a terminal that nobody reads.
        if len(steps_mm) and not np.allclose(steps_mm, np.median(steps_mm), rtol=0.02, atol=0.02):
            raise InputError(
                f"{folder} has slices {min(steps_mm):.2f} to {max(steps_mm):.2f} mm apart: some are missing or there twice; "
                "export the series again, or use `nnunet-multiphase import-dicom`"
            )
        image = sitk.ReadImage(files)
    except RuntimeError as error:
        raise InputError(f"{folder} is not readable as DICOM ({_reason(error)}): export it again") from error
    if (
        image.GetDimension() != 3
        or image.GetNumberOfComponentsPerPixel() != 1
        or min(image.GetSize()) < MIN_VOXELS
    ):
        raise InputError(
            f"{folder} is not one 3D volume of at least {MIN_VOXELS} voxels along each axis, but {_by(image.GetSize())}; "
            "export the whole series"
        )
    return image


def _height_mm(file: str) -> float:
    """Give a DICOM slice's position along its normal."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return float(np.dot(np.array(reader.GetDirection())[[2, 5, 8]], reader.GetOrigin()))


def read_mask(files: MaskFiles, grid: sitk.Image, grid_name: str) -> sitk.Image:
    """Read a mask that lies on the grid of its phase; several files are united.

    Args:
        files: Where it is, and which labels count.
        grid: The volume the mask was drawn on.
        grid_name: What to call that volume in a message.

    Returns:
        The mask as uint8, 0 and 1, with `grid`'s exact geometry.

    Raises:
        InputError: As `read_volume`; another geometry than `grid`'s (a GridError); unexpected labels.
    """
    mask = np.zeros(grid.GetSize()[::-1], bool)
    for path in files.paths:
        mask |= _read_labels(path, files, grid, grid_name)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.CopyInformation(grid)
    return image


def _read_labels(path: Path, files: MaskFiles, grid: sitk.Image, grid_name: str) -> np.ndarray:
    """Read one of a mask's files; (z, y, x) bool."""
    image = read_volume(path)
    difference = grid_difference(image, grid)
    if difference:
        raise GridError(
            f"{path} has another geometry than {grid_name}: {difference}; draw or resample the mask on that phase's grid"
        )
    values = sitk.GetArrayViewFromImage(image)
    if files.values is None:
        return np.asarray(values != 0)
    expected = (0, *files.values, *files.others)
    found = np.unique(values)
    if not np.isin(found, expected).all():
        shown = ", ".join(f"{v:g}" for v in found[:6]) + (", ..." if len(found) > 6 else "")
        allowed = (
            " and ".join(map(str, sorted(expected)))
            if len(expected) == 2
            else ", ".join(map(str, sorted(expected)))
        )
        raise InputError(
            f"{path} is not a mask: expected only the values {allowed}, found {shown}; "
            f"write it as {'/'.join(map(str, sorted(expected)))}"
        )
    return np.isin(values, files.values)


def grid_difference(image: sitk.Image, grid: sitk.Image) -> str:
    """Say how two grids differ; the empty text if they are the same.

    The corners decide: one voxel is one voxel wherever origin, spacing or direction put it wrong.
    """
    if image.GetSize() != grid.GetSize():
        return f"expected {_by(grid.GetSize())} voxels, found {_by(image.GetSize())}"
    last = np.array(grid.GetSize(), float) - 1
    corners = [[i * last[0], j * last[1], k * last[2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    away = max(
        float(
            np.linalg.norm(
                np.subtract(
                    image.TransformContinuousIndexToPhysicalPoint(corner),
                    grid.TransformContinuousIndexToPhysicalPoint(corner),
                )
            )
        )
        for corner in corners
    )
    if away <= GRID_TOLERANCE_VOXELS * min(grid.GetSpacing()):
        return ""
    for what, mine, theirs in (
        ("spacing", image.GetSpacing(), grid.GetSpacing()),
        ("direction", image.GetDirection(), grid.GetDirection()),
        ("origin", image.GetOrigin(), grid.GetOrigin()),
    ):
        if not np.allclose(mine, theirs, rtol=1e-4, atol=1e-4):
            expected, found = (" ".join(f"{v:.4g}" for v in values) for values in (theirs, mine))
            return f"expected {what} {expected}, found {found} (up to {away:.1f} mm apart)"
    return f"its voxels lie up to {away:.2f} mm apart from that phase's"


def _check_content(path: Path, reader: sitk.ImageFileReader) -> None:
    """Make sure that the file is as long as its header promises and holds numbers only."""
    if not reader.HasMetaDataKey("bitpix"):
        return  # no NIfTI header under that name; ITK reads the whole of other formats or says so
    sample_bytes = int(reader.GetMetaData("bitpix")) // 8
    offset = int(float(reader.GetMetaData("vox_offset")))
    expected = offset + int(np.prod(reader.GetSize(), dtype=np.int64)) * sample_bytes
    is_float = reader.GetMetaData("datatype") in ("16", "64")  # NIfTI's numbers for float32 and float64
    found = 0
    finite = True
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            header = stream.read(offset)
            found = len(header)
            # The first field is 348; read with the wrong byte order it is another number.
            order = "<" if header[:4] == (348).to_bytes(4, "little") else ">"
            while chunk := stream.read(1 << 22):
                if is_float:
                    # The last chunk may end within a sample, or beyond the volume: only whole samples count.
                    samples = max(0, min(len(chunk), expected - found)) // sample_bytes
                    values = np.frombuffer(chunk, f"{order}f{sample_bytes}", count=samples)
                    finite = finite and bool(np.isfinite(values).all())
                found += len(chunk)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is not readable to its end ({error}): copy or export it again") from error
    if found < expected:
        raise InputError(
            f"{path} is cut off: expected {expected} bytes of NIfTI, found {found}; export it again"
        )
    if not finite:
        raise InputError(
            f"{path} holds values that are not numbers (NaN or infinite): expected HU; export it again"
        )


def _format(path: Path) -> str:
    """Name the format that a file's suffix promises."""
    return "NIfTI" if nifti_stem(path) is not None else path.suffix.lstrip(".").upper() or "an image"


def _reason(error: RuntimeError) -> str:
    """Take the telling line out of an ITK message."""
    text = str(error).strip().splitlines()[-1]
    return text.split("sitk::ERROR:")[-1].strip().rstrip(".").replace('"', "")


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
