"""Step 4c: read a volume's voxels once, for its brightness, for the liver and for the pictures on the page."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nnunet_multiphase.dicom.interleaved import INTERLEAVED, is_interleaved
from nnunet_multiphase.dicom.no_hu import no_hu
from nnunet_multiphase.dicom.pixels import read_hu_and_remarks
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.evidence import BLOCK_MM, Enhancement, enhancement_hu
from nnunet_multiphase.dicom_import.liver_finding import Finding, coarse_volume, look_for_liver, shrunk
from nnunet_multiphase.errors import InputError
from registration.volume import Volume as Volume3D

WINDOW_HU = (-160.0, 240.0)
"""Black and white in the pictures: level 40, width 400."""

PICTURE_MM = 420.0  # what a picture's longer side shows at most without growing smaller
_LONGEST_PIXELS = 190
_SLAB_MM = 5.0
_FACES = ("head", "neck")


@dataclass(frozen=True)
class Look:
    """What the voxels of one volume say and show.

    Attributes:
        brightness: The voxels at the size that `enhancement_hu` wants; none where their brightness says nothing of a phase.
        finding: Of the liver; none where the voxels cannot be read, or are no HU.
        axial, coronal: JPEG; none where there is nothing to show.
        no_picture: Why not.
        doubts: What the voxels say against the volume's use.
        remarks: What is odd about the pixels, and what was done to them.
    """

    brightness: Volume3D | None = None
    finding: Finding | None = None
    axial: bytes | None = None
    coronal: bytes | None = None
    no_picture: str = ""
    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @cached_property
    def enhancement(self) -> Enhancement | None:
        """Measure how bright organs and vessels are: dear, so only when it is asked for."""
        if self.brightness is None:
            return None
        found = enhancement_hu(self.brightness.values, [float(step) for step in self.brightness.spacing_mm])
        if found is None or self.finding is None or self.finding.liver_hu is None:
            return found
        # Kidneys and spleen may be more than a fifth of a narrow picture's soft tissue.
        return Enhancement(self.finding.liver_hu, found.bright_hu, of_liver=True)

    def without_voxels(self) -> Look:
        """Keep what takes little memory."""
        return replace(self, brightness=None)


def look_at(volume: Volume) -> Look:
    """Read a volume's voxels and look at them.

    Args:
        volume: Any; of those that are no CT images on a grid nothing is read.

    Returns:
        What was seen. Pictures with text burned in and pictures of heads are not made: they could show whose they are.
    """
    if volume.grid is None or not volume.has_phase:
        return Look(no_picture="its images make no volume")
    try:
        hu, remarks = read_hu_and_remarks(volume.grid, volume.key)
    except InputError as error:
        # Why is told when the case is written, too; it is no reason to write the case without this phase.
        why = str(error).removeprefix(f"{volume.key}: ").partition(";")[0]
        return Look(no_picture="the pixels cannot be read", remarks=(why,))
    finding = look_for_liver(coarse_volume(hu, volume.grid))
    doubts = [reason] if (reason := no_hu(hu)) else []
    # Of other regions, and of what is not the scanner's own HU, the brightness says nothing about a phase.
    plain = finding.kind != "other" and not volume.doubts and not doubts
    brightness = shrunk(hu, volume.grid, BLOCK_MM) if plain else None
    seen = None if doubts else finding
    # Resampled slices are mixtures of their neighbours already.
    if not doubts and volume.grid.size is None and is_interleaved(hu, volume.grid.spacing_mm):
        doubts.append(INTERLEAVED)
    look = Look(brightness, seen, doubts=tuple(doubts), remarks=remarks)
    if any(part.burned_in for part in volume.slices):
        return replace(look, no_picture="not shown: text is burned in")
    if finding.region in _FACES:
        return replace(look, no_picture="not shown: a head or a neck could be recognised")
    axial, coronal = _planes(volume, hu, finding)
    return replace(look, axial=axial, coronal=coronal)


def with_look(volume: Volume, look: Look) -> Volume:
    """Add to a volume what its voxels say against its use, and what is odd about its pixels."""
    return replace(volume, doubts=(*volume.doubts, *look.doubts), notes=(*look.remarks, *volume.notes))


def _planes(volume: Volume, hu: np.ndarray, finding: Finding) -> tuple[bytes, bytes]:
    """Draw an axial and a coronal plane through the liver's middle, else through the volume's."""
    grid = volume.grid
    assert grid is not None
    direction = np.array(grid.direction).reshape(3, 3)
    spacing = np.array(grid.spacing_mm)
    # Which of the index axes (x, y, z) runs most nearly along each of the patient's.
    axes = [int(axis) for axis in np.abs(direction).argmax(axis=1)]
    if sorted(axes) != [0, 1, 2]:
        axes = [0, 1, 2]
    size = np.array(hu.shape[::-1])
    if finding.middle is None:
        index = (size - 1) / 2
    else:
        index = np.linalg.solve(direction * spacing, np.subtract(finding.middle, grid.origin))
    axial = _plane(hu, direction, spacing, axes, through=2, index=index)
    coronal = _plane(hu, direction, spacing, axes, through=1, index=index)
    return axial, coronal


def _plane(
    hu: np.ndarray,
    direction: np.ndarray,
    spacing: np.ndarray,
    axes: list[int],
    *,
    through: int,
    index: np.ndarray,
) -> bytes:
    """Cut one plane, turn it as radiologists look at it (the patient's right on the left) and pack it."""
    axis = axes[through]
    half = int(_SLAB_MM / spacing[axis] / 2)
    middle = int(np.clip(round(float(index[axis])), 0, hu.shape[2 - axis] - 1))
    slab = slice(max(0, middle - half), middle + half + 1)
    where = [slice(None)] * 3
    where[2 - axis] = slab
    plane = hu[tuple(where)].mean(axis=2 - axis, dtype=np.float32)
    across, down = axes[0], axes[1 if through == 2 else 2]
    # Rows of what is left are the higher index axis.
    if across > down:
        plane = plane.T
    if direction[0, across] < 0:
        plane = plane[:, ::-1]
    if (direction[1, down] < 0) if through == 2 else (direction[2, down] > 0):
        plane = plane[::-1]
    return _jpeg(plane, float(spacing[across]), float(spacing[down]))


def _jpeg(plane: np.ndarray, across_mm: float, down_mm: float) -> bytes:
    """Window a plane, scale it to square millimetres and pack it."""
    from PIL import Image

    low, high = WINDOW_HU
    grey = Image.fromarray((np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8))
    width_mm, height_mm = plane.shape[1] * across_mm, plane.shape[0] * down_mm
    scale = _LONGEST_PIXELS / max(width_mm, height_mm, PICTURE_MM)
    size = max(1, round(width_mm * scale)), max(1, round(height_mm * scale))
    stream = io.BytesIO()
    grey.resize(
        size, Image.Resampling.BILINEAR if size[0] > plane.shape[1] else Image.Resampling.LANCZOS
    ).save(stream, "JPEG", quality=72)
    return stream.getvalue()
