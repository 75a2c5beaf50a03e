"""Draw one picture per case: each moving phase over the reference, before and after registration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import binary_erosion

from nnunet_multiphase.alignment.align import AlignedPhases, crop, data_box, signed
from nnunet_multiphase.phases import FILL_HU, PHASE_TITLES
from nnunet_multiphase.whole_file import whole_file
from registration.own_style import own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW_HU = (-120.0, 220.0)
AXIAL_WIDTH_PIXELS = 300
GAP_PIXELS = 6
YELLOW = (1.0, 0.9, 0.1)


@own_style()
def draw_overview(
    aligned: AlignedPhases,
    images: Mapping[str, sitk.Image],
    path: Path,
    *,
    centre_mm: np.ndarray,
    lesions: sitk.Image | None = None,
    title: str = "",
) -> Path:
    """Write the picture of a case: a row per moving phase, before on the left, after on the right.

    The reference is magenta, the moving phase green: where they agree the sum is grey. Each half shows an axial
    plane, and a coronal above a sagittal one, all to one scale.

    Args:
        aligned: The case after registration.
        images: The phases as they came, for the "before" half.
        path: Where the PNG goes.
        centre_mm: (3,) point (x, y, z) the planes go through.
        lesions: Mask on the cropped grid, outlined in yellow.
        title: First line of the picture.

    Returns:
        `path`.
    """
    reference = _upright(aligned.images[aligned.reference])
    at = _voxel(reference, centre_mm)
    cuts = _cuts(reference, at)
    outlined = [np.zeros(cut.shape, bool) for cut in cuts]
    if lesions is not None:
        outlined = [cut > 0 for cut in _cuts(_upright(lesions), at)]
    rows: dict[str, np.ndarray] = {}
    for phase in aligned.results:
        if phase not in aligned.images:
            continue  # its registration failed, and it was left out
        moving = crop(signed(images[phase]), data_box(images[phase]))
        after = _cuts(_upright(aligned.images[phase]), at)
        halves = [
            _half(cuts, shown, outlined, reference.GetSpacing()[::-1])
            for shown in (_cuts_by_header(moving, reference, at), after)
        ]
        gap = np.ones((halves[0].shape[0], 4 * GAP_PIXELS, 3))
        rows[phase] = np.concatenate([halves[0], gap, halves[1]], axis=1)
    figure = _figure(rows, title)
    # Without the program's version the same case gives the same bytes.
    with whole_file(path) as beside:
        figure.savefig(beside, format="png", metadata={"Software": None})
    return path


def _figure(rows: Mapping[str, np.ndarray], title: str) -> Figure:
    """Set the phases' pictures, (rows, columns, RGB) of one size, below each other."""
    # Without pyplot: no window system is looked for, and nothing stays in memory between cases.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = next(iter(rows.values())).shape[:2] if rows else (1, 2 * AXIAL_WIDTH_PIXELS)
    dpi, margin, top, label = 100, 0.35, 0.5, 0.2
    figure = Figure(
        figsize=(width / dpi + margin, top + max(len(rows), 1) * (height / dpi + label)),
        dpi=dpi,
        facecolor="white",
    )
    FigureCanvasAgg(figure)
    total_width, total_height = figure.get_size_inches()
    figure.text(0.01, 1 - 0.2 / total_height, title, fontsize=9, va="center")
    for x, half in ((0, "before: the headers' own position"), (0.5, "after registration")):
        figure.text(
            (margin + x * (width / dpi)) / total_width, 1 - 0.42 / total_height, half, fontsize=8, va="center"
        )
    for number, (phase, picture) in enumerate(rows.items()):
        bottom = total_height - top - (number + 1) * (height / dpi) - number * label
        box = (
            margin / total_width,
            bottom / total_height,
            width / dpi / total_width,
            height / dpi / total_height,
        )
        axes = figure.add_axes(box)
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        middle = (bottom + height / dpi / 2) / total_height
        name = PHASE_TITLES.get(phase, phase)
        figure.text(0.17 / total_width, middle, name, fontsize=8, rotation=90, va="center", ha="center")
    return figure


def _half(
    reference: Sequence[np.ndarray],
    moving: Sequence[np.ndarray],
    outlined: Sequence[np.ndarray],
    spacing_mm: Sequence[float],
) -> np.ndarray:
    """Lay three planes out on one canvas: (rows, columns, RGB), 0..1."""
    pixel_mm = reference[0].shape[1] * spacing_mm[2] / AXIAL_WIDTH_PIXELS
    pictures = []
    for plane, cuts in enumerate(zip(reference, moving, outlined, strict=True)):
        pixels_mm = [step for axis, step in enumerate(spacing_mm) if axis != plane]
        fixed, moved, inside = (_to_scale(cut, pixels_mm, pixel_mm) for cut in cuts)
        picture = _fuse(fixed, moved)
        picture[inside & ~binary_erosion(inside)] = YELLOW
        pictures.append(picture)
    axial, coronal, sagittal = pictures
    height = max(axial.shape[0], coronal.shape[0] + GAP_PIXELS + sagittal.shape[0])
    left = axial.shape[1] + GAP_PIXELS
    canvas = np.ones((height, left + max(coronal.shape[1], sagittal.shape[1]), 3))
    canvas[: axial.shape[0], : axial.shape[1]] = axial
    canvas[: coronal.shape[0], left : left + coronal.shape[1]] = coronal
    below = coronal.shape[0] + GAP_PIXELS
    canvas[below : below + sagittal.shape[0], left : left + sagittal.shape[1]] = sagittal
    return canvas


def _upright(image: sitk.Image) -> sitk.Image:
    """Turn an image so that x goes to the patient's left, y to the back, z to the head."""
    return sitk.DICOMOrient(image, "LPS")


def _voxel(image: sitk.Image, point_mm: np.ndarray) -> tuple[int, int, int]:
    """Find the voxel (z, y, x) nearest to a point, inside the image."""
    index = image.TransformPhysicalPointToContinuousIndex([float(v) for v in point_mm])
    x, y, z = (int(np.clip(round(i), 0, n - 1)) for i, n in zip(index, image.GetSize(), strict=True))
    return z, y, x


def _cuts(image: sitk.Image, at: Sequence[int]) -> list[np.ndarray]:
    """Cut a volume across z, y and x; the head is up in coronal and sagittal planes."""
    volume = sitk.GetArrayViewFromImage(image)  # which lives no longer than the image
    return [_head_up(np.take(volume, number, axis=plane), plane) for plane, number in enumerate(at)]


def _cuts_by_header(moving: sitk.Image, reference: sitk.Image, at: Sequence[int]) -> list[np.ndarray]:
    """Cut a volume where its header says that the reference's three planes are."""
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfWorkUnits(1)  # ITK's roundings depend on how many share the work
    resample.SetDefaultPixelValue(FILL_HU)
    found = []
    for plane, number in enumerate(at):
        axis = 2 - plane
        size, index = list(reference.GetSize()), [0, 0, 0]
        size[axis], index[axis] = 1, number
        resample.SetReferenceImage(sitk.RegionOfInterest(reference, size, index))
        cut = sitk.GetArrayFromImage(resample.Execute(moving))
        found.append(_head_up(cut.squeeze(plane), plane))
    return found


def _head_up(cut: np.ndarray, plane: int) -> np.ndarray:
    return cut if plane == 0 else cut[::-1]


def _to_scale(cut: np.ndarray, spacing_mm: list[float], pixel_mm: float) -> np.ndarray:
    """Repeat or drop rows and columns so that a pixel measures `pixel_mm` both ways."""
    chosen = []
    for count, step in zip(cut.shape, spacing_mm, strict=True):
        pixels = max(1, round(count * step / pixel_mm))
        chosen.append(np.minimum(((np.arange(pixels) + 0.5) * count / pixels).astype(int), count - 1))
    return cut[np.ix_(*chosen)]


def _fuse(reference_hu: np.ndarray, moving_hu: np.ndarray) -> np.ndarray:
    """Lay two cuts over one another: (rows, columns, RGB), 0..1."""
    low, high = WINDOW_HU
    first = np.clip((reference_hu.astype(float) - low) / (high - low), 0, 1)
    second = np.clip((moving_hu.astype(float) - low) / (high - low), 0, 1)
    return np.stack([first, second, first], axis=-1)
