"""Draw one picture per case: each moving phase over the reference, before and after registration, in three planes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.alignment import AlignedPhases
from nnunet_multiphase.phases import FILL_HU, PHASE_TITLES
from registration.resample import resample_image

WINDOW_HU = (-120.0, 220.0)
PLANES = ("axial", "coronal", "sagittal")


def draw_overview(
    aligned: AlignedPhases,
    images: Mapping[str, sitk.Image],
    path: Path,
    *,
    centre_mm: np.ndarray,
    lesions: sitk.Image | None = None,
    title: str = "",
) -> Path:
    """Write the picture of a case.

    The reference is shown in magenta, the moving phase in green: where they agree the sum is grey.

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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    reference = aligned.images[aligned.reference]
    fixed = _upright(reference)
    at = _voxel(fixed, centre_mm)  # (z, y, x)
    outline = None if lesions is None else sitk.GetArrayFromImage(_upright(lesions)).astype(bool)
    rows = list(aligned.results)
    panels = [(plane, half) for plane in range(3) for half in ("before", "after")]
    aspects = _aspects(fixed)
    shapes = [_plane(sitk.GetArrayViewFromImage(fixed), plane, at).shape for plane in range(3)]
    # Every column as wide as its plane is for one common height.
    widths = [shapes[plane][1] / (shapes[plane][0] * aspects[plane]) for plane, _ in panels]
    height = 2.2
    figure = Figure(
        figsize=(height * sum(widths) + 0.5, height * max(len(rows), 1) + 0.7), dpi=80, facecolor="white"
    )
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    grid = figure.add_gridspec(
        max(len(rows), 1), 6, width_ratios=widths, left=0.02, right=0.995, bottom=0.01,
        top=1 - 0.6 / (height * max(len(rows), 1) + 0.7), wspace=0.02, hspace=0.04,
    )  # fmt: skip
    for row, phase in enumerate(rows):
        moving = images[phase]
        if moving.GetPixelID() in (sitk.sitkUInt8, sitk.sitkUInt16, sitk.sitkUInt32):
            moving = sitk.Cast(moving, sitk.sitkInt32)  # air is below 0
        volumes = {
            "before": _upright(resample_image(moving, reference, None, fill_hu=FILL_HU)),
            "after": _upright(aligned.images[phase]),
        }
        for column, (plane, half) in enumerate(panels):
            axes = figure.add_subplot(grid[row, column])
            axes.set_xticks([])
            axes.set_yticks([])
            picture = _fuse(
                _plane(sitk.GetArrayViewFromImage(fixed), plane, at),
                _plane(sitk.GetArrayViewFromImage(volumes[half]), plane, at),
            )
            axes.imshow(picture, aspect=aspects[plane], interpolation="nearest")
            if outline is not None:
                cut = _plane(outline, plane, at)
                if cut.any() and not cut.all() and min(cut.shape) > 1:
                    axes.contour(cut, levels=[0.5], colors="yellow", linewidths=0.7)
            if row == 0:
                axes.set_title(f"{PLANES[plane]}, {half}", fontsize=8, pad=2)
            if column == 0:
                axes.set_ylabel(PHASE_TITLES.get(phase, phase), fontsize=8)
    # Without the program's version the same case gives the same bytes.
    figure.savefig(path, metadata={"Software": None})
    return path


def _upright(image: sitk.Image) -> sitk.Image:
    """Turn an image so that x goes to the patient's left, y to the back, z to the head."""
    return sitk.DICOMOrient(image, "LPS")


def _voxel(image: sitk.Image, point_mm: np.ndarray) -> tuple[int, int, int]:
    """Find the voxel (z, y, x) nearest to a point, inside the image."""
    index = image.TransformPhysicalPointToContinuousIndex([float(v) for v in point_mm])
    x, y, z = (int(np.clip(round(i), 0, n - 1)) for i, n in zip(index, image.GetSize(), strict=True))
    return z, y, x


def _plane(volume: np.ndarray, plane: int, at: tuple[int, int, int]) -> np.ndarray:
    """Cut a (z, y, x) volume; the head is up in coronal and sagittal planes."""
    cut = np.take(volume, at[plane], axis=plane)
    return cut if plane == 0 else cut[::-1]


def _aspects(image: sitk.Image) -> tuple[float, float, float]:
    """Give height over width of a pixel in each plane."""
    x, y, z = image.GetSpacing()
    return y / x, z / x, z / y


def _fuse(reference_hu: np.ndarray, moving_hu: np.ndarray) -> np.ndarray:
    """Lay two cuts over one another: (rows, columns, RGB), 0..1."""
    low, high = WINDOW_HU
    first, second = (
        np.clip((cut.astype(float) - low) / (high - low), 0, 1) for cut in (reference_hu, moving_hu)
    )
    return np.stack([first, second, first], axis=-1)
