"""Look at what a volume's own header says of size and side, which ITK fills in where it is lacking."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registration.finding import Finding
from registration.itk_name import itk_name
from registration.nifti_bytes import is_nifti_name
from registration.plausible_spacing import find_implausible_file

KEEP_PLACES = ("NrrdImageIO", "MetaImageIO", "GDCMImageIO", "HDF5ImageIO")
"""ITK's readers, beside NIfTI's, of formats whose header says which side is the patient's right. Of the others most keep no
directions, and how MINC's are taken depends on ITK's release."""
PICTURES = ("TIFFImageIO", "PNGImageIO", "JPEGImageIO", "JPEG2000ImageIO", "BMPImageIO", "LSMImageIO")
"""Those of pictures, which do not say how far apart the slices are either."""
ROUNDING_DEGREES = 0.2
"""Axes this near to right angles were meant to be so; a gantry is tilted by more."""
FORMS_APART_MM = 1.0
"""How far qform and sform may put a corner apart: rounding does far less."""


@dataclass(frozen=True)
class NiftiHeader:
    """Hold the fields of a NIfTI-1 header that place the volume."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]  # pixdim, in the header's own unit
    qform: np.ndarray | None  # (4, 4) index to world (RAS), header's unit; None: code 0
    sform: np.ndarray | None

    @property
    def limit(self) -> float:
        """Give how far two readings of the header may put a corner apart."""
        return max(FORMS_APART_MM, 0.5 * max(self.spacing))


def find_unclear_header(path: Path) -> Finding | None:
    """Say the first of what a volume's header leaves open, as `unclear_headers`; None where it leaves nothing."""
    return next(iter(unclear_headers(path)), None)


def unclear_headers(path: Path) -> list[Finding]:
    """List what a volume's header leaves open, before a reader fills it in.

    Args:
        path: Of a volume that can be read. A folder (DICOM) leaves nothing open.

    Returns:
        What it is, where a NIfTI header has no voxel size, no orientation, or two of either that disagree, an NRRD or MHA
        none, or the format keeps none.
    """
    if path.is_dir():
        return []
    found = [_unclear_nifti(path)] if is_nifti_name(path) else _unclear_otherwise(path)
    return [finding for finding in found if finding is not None]


def _unclear_otherwise(path: Path) -> list[Finding | None]:
    """Judge a file by the reader that ITK takes for it, whatever its name says."""
    import SimpleITK as sitk

    try:
        name = itk_name(path)
    except ValueError:
        return []  # as where there is no reader
    reader = sitk.ImageFileReader.GetImageIOFromFileName(name)
    if reader == "NrrdImageIO":
        return [_unclear_nrrd(path)]
    if reader == "MetaImageIO":
        return [_unclear_meta(path)]
    if not reader or reader in KEEP_PLACES:
        return []  # where there is no reader, the attempt says so
    kind = reader.removesuffix("ImageIO")
    remedy = "convert the original images again, to .nii.gz"
    lost: list[Finding | None] = []
    if reader in PICTURES:
        lost.append(
            Finding(
                "spacing",
                f"is {kind}, which does not say how far apart its slices are: expected NIfTI; {remedy}",
            )
        )
    lost.append(
        Finding(
            "orientation",
            f"is {kind}, which is not known to say which side is the patient's right: expected NIfTI, NRRD, MetaImage "
            f"(.mha) or DICOM; {remedy}",
        )
    )
    return lost


def _unclear_nifti(path: Path) -> Finding | None:
    header = read_nifti_header(path)
    if header is None:
        return None
    shown = " x ".join(f"{s:.4g}" for s in header.spacing)
    if min(header.spacing) <= 0 or not np.isfinite(header.spacing).all():
        return Finding(
            "spacing",
            f"has voxels of {shown} in its header: the size is lost; write it into the header in mm",
        )
    if header.qform is None and header.sform is None:
        return Finding(
            "orientation",
            "says nothing about which side is the patient's right (qform and sform code are 0); write the orientation into "
            "the header, or export it again",
        )
    if header.qform is None and header.sform is not None:
        return _two_sizes(header.sform, header)
    if header.qform is not None and header.sform is not None:
        apart = _most_apart(header.qform, header.sform, header.size)
        far = apart > header.limit
        if far and off_right_angles(header.sform) >= ROUNDING_DEGREES:
            lost = f"; its qform, up to {apart:.0f} mm apart, cannot hold the tilt: who takes that loses it"
            return Finding("orientation", tilted(", in its sform") + lost)
        if far:
            return Finding(
                "orientation",
                f"says twice where it lies, and differently: its qform and sform are up to {apart:.0f} mm apart; set one to "
                "the other, or its code to 0",
            )
    return None


def _two_sizes(sform: np.ndarray, header: NiftiHeader) -> Finding | None:
    """Say that a header's only form has other voxels than its pixdim: ITK takes these, nibabel and FSL the form's.

    With a qform, which is made of pixdim, the two forms disagree. A tilt stored as a shear is the reader's to refuse: its
    slanted axis is longer than the slices are apart.
    """
    lengths = np.linalg.norm(sform[:3, :3], axis=0)
    if not (np.isfinite(lengths).all() and lengths.min() > 0) or off_right_angles(sform) >= ROUNDING_DEGREES:
        return None
    resized = sform.copy()
    resized[:3, :3] *= np.array(header.spacing) / lengths
    if _most_apart(resized, sform, header.size) <= header.limit:
        return None
    by_pixdim, by_form = (" x ".join(f"{mm:.4g}" for mm in size) for size in (header.spacing, lengths))
    return Finding(
        "spacing",
        f"gives two sizes of its voxels: {by_pixdim} in pixdim, {by_form} in its sform, as after a change of one alone, and "
        "programs read either (here pixdim); write the right one into both",
    )


def refuse_unclear_header(path: Path, accept: Collection[str] = ()) -> None:
    """Refuse a volume whose header leaves its size or its sides open, or gives a size that no scanner makes.

    Args:
        path: As for `find_unclear_header`; what is no file is left to the reader.
        accept: `spacing`, `orientation`: what may be so.

    Raises:
        ValueError: It does so, with what to do.
    """
    if not path.is_file():
        return
    findings = unclear_headers(path)
    if not any(finding.check == "spacing" for finding in findings):
        implausible = find_implausible_file(path)
        findings += [implausible] if implausible is not None else []
    for finding in findings:
        if finding.check not in accept:
            raise ValueError(f"{path} {finding}")


def read_nifti_header(path: Path) -> NiftiHeader | None:
    """Read the placing fields of a NIfTI-1 file; None where it is none."""
    if path.suffix.lower() == ".img":
        path = path.with_suffix(".hdr") if path.with_suffix(".hdr").is_file() else path.with_suffix(".HDR")
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            raw = stream.read(348)
    except (OSError, EOFError, zlib.error):
        return None
    if len(raw) < 348 or raw[344:347] not in (b"n+1", b"ni1"):
        return None
    order = "<" if struct.unpack("<i", raw[:4])[0] == 348 else ">"
    dim = struct.unpack(f"{order}8h", raw[40:56])
    pixdim = struct.unpack(f"{order}8f", raw[76:108])
    qform_code, sform_code = struct.unpack(f"{order}2h", raw[252:256])
    b, c, d, *offset = struct.unpack(f"{order}6f", raw[256:280])
    rows = np.frombuffer(raw[280:328], f"{order}f4").reshape(3, 4).astype(float)
    return NiftiHeader(
        (dim[1], dim[2], dim[3]),
        (pixdim[1], pixdim[2], pixdim[3]),
        _quaternion_matrix(b, c, d, offset, pixdim) if qform_code > 0 else None,
        np.vstack([rows, [0, 0, 0, 1]]) if sform_code > 0 else None,
    )


def _quaternion_matrix(
    b: float, c: float, d: float, offset: list[float], pixdim: tuple[float, ...]
) -> np.ndarray:
    """Turn a qform into a matrix (NIfTI-1's definition)."""
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * [pixdim[1], pixdim[2], pixdim[3] * (-1 if pixdim[0] < 0 else 1)]
    matrix[:3, 3] = offset
    return matrix


def _most_apart(one: np.ndarray, other: np.ndarray, size: tuple[int, int, int]) -> float:
    """Give the largest distance between a corner by one form and by the other, in the header's unit."""
    last = np.array(size) - 1
    corners = [[i * last[0], j * last[1], k * last[2], 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    return float(np.linalg.norm(np.array(corners) @ (one - other).T, axis=1).max())


def off_right_angles(form: np.ndarray) -> float:
    """Measure how far the axes of a qform or sform (4, 4) are from right angles, in degrees; NaN where one has no length."""
    with np.errstate(divide="ignore", invalid="ignore"):
        axes = form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0)
    return float(np.degrees(np.arcsin(np.abs(np.triu(axes.T @ axes, 1)).max())))


def tilted(where: str = "") -> str:
    """Say that a grid is not straight, and what keeps the tilt: a clause to follow the file's name."""
    return (
        f"has axes that are not at right angles (a gantry tilt stored as a shear{where}): expected a straight grid; "
        "resample it to one (dcm2niix does so from the DICOM files; to export it again the same way does not help)"
    )


def _unclear_nrrd(path: Path) -> Finding | None:
    """Say that an NRRD header names no space, so that no axis has a side."""
    with path.open("rb") as stream:
        text = stream.read(1 << 16).partition(b"\n\n")[0].decode("latin-1").replace("\r", "")
    fields = {line.split(":")[0].strip().lower() for line in text.split("\n") if ":" in line}
    if not text.startswith("NRRD") or fields & {"space", "space dimension"}:
        return None
    return Finding(
        "orientation",
        "says nothing about which side is the patient's right (its header has no `space`); write the orientation into the "
        "header, or export it again",
    )


def _unclear_meta(path: Path) -> Finding | None:
    """Say that a MetaImage header has no directions: ITK lays it straight then."""
    with path.open("rb") as stream:
        lines = stream.read(1 << 16).decode("latin-1").splitlines()
    fields = {line.split("=")[0].strip().lower() for line in lines if "=" in line}
    if fields & {"transformmatrix", "rotation", "orientation"}:
        return None
    return Finding(
        "orientation",
        "says nothing about which side is the patient's right (no TransformMatrix); write the orientation into "
        "the header, or export it again",
    )
