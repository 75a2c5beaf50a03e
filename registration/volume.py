"""Convert between SimpleITK images (x, y, z) and arrays (z, y, x): positions, geometry, checks; no other module does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from registration.file_header import tilted

MIN_VOXELS = 4
"""Along each axis, the fewest that are registered."""

SAME_GRID_VOXELS = 0.05
"""How far two grids may lie apart anywhere and still count as one: float32 headers differ by far less."""


SQUARE_TOLERANCE = 1e-3
"""How far the cosine between two axes may lie from 0, or the length of one from 1: rounded headers do less."""


@dataclass(frozen=True)
class Volume:
    """Hold voxel values and where they lie.

    Attributes:
        values: Float32 or boolean array, (z, y, x).
        index_to_world: 3x3 matrix from an index (x, y, z) to mm, spacing included.
        origin: World position (x, y, z) of voxel (0, 0, 0), mm.
    """

    values: NDArray
    index_to_world: NDArray[np.float64]
    origin: NDArray[np.float64]

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Voxel size along the index axes (x, y, z)."""
        return np.linalg.norm(self.index_to_world, axis=0)

    @property
    def spacing_zyx_mm(self) -> NDArray[np.float64]:
        """Voxel size along the array axes (z, y, x)."""
        return self.spacing_mm[::-1]

    @property
    def slice_axis(self) -> NDArray[np.float64]:
        """World direction (unit vector) from slice to slice."""
        return self.index_to_world[:, 2] / self.spacing_mm[2]

    @property
    def directions(self) -> NDArray[np.float64]:
        """World directions of the index axes (x, y, z), as columns."""
        return self.index_to_world / self.spacing_mm


def check_image(image: sitk.Image, name: str) -> None:
    """Refuse what cannot be registered.

    Args:
        image: Any SimpleITK image.
        name: What the message calls it.

    Raises:
        TypeError: It is no image, such as an array or a path.
        ValueError: Not a 3D grey-value volume of at least 4 x 4 x 4 voxels, placed nowhere, or its values are not finite.
    """
    if not isinstance(image, sitk.Image):
        raise TypeError(
            f"{name} must be a SimpleITK.Image, but is a {type(image).__name__}; read a file with SimpleITK.ReadImage"
        )
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(
            f"{name} must be one 3D volume of grey values, but has {image.GetDimension()} dimensions and "
            f"{image.GetNumberOfComponentsPerPixel()} values a voxel; give one phase a file."
        )
    check_placement(image, name)
    if min(image.GetSize()) < MIN_VOXELS:
        raise ValueError(
            f"{name} must have at least {MIN_VOXELS} voxels along each axis, but has {image.GetSize()}."
        )
    values = sitk.GetArrayViewFromImage(image)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise ValueError(
            f"{name} holds values that are not finite (NaN, infinity); replace them by -1024 HU."
        )


def check_placement(image: sitk.Image, name: str) -> None:
    """Refuse a grid that no scanner makes: some formats' readers take any numbers for one.

    Raises:
        ValueError: An origin or voxel size is no number, a voxel has no size, or the axes are not at right angles.
    """
    placed = [*image.GetOrigin(), *image.GetSpacing(), *image.GetDirection()]
    if not np.isfinite(placed).all() or min(image.GetSpacing()) <= 0:
        raise ValueError(
            f"{name} has a damaged header (no number, or a voxel size of 0, says where it lies): export it again"
        )
    direction = np.array(image.GetDirection()).reshape(3, 3)
    if np.abs(direction.T @ direction - np.eye(3)).max() > SQUARE_TOLERANCE:
        raise ValueError(f"{name} {tilted()}")


def check_one_value(mask: sitk.Image, name: str) -> None:
    """Refuse what is no mask: of several labels or of probabilities nobody can say which voxels are meant.

    Raises:
        ValueError: It holds more than one value beside 0.
    """
    values = sitk.GetArrayViewFromImage(mask)
    inside = values[values != 0]
    # Every registration asks this: sorting a large mask would take it as long as the fit.
    if len(inside) and inside.min() != inside.max():
        others = np.unique(inside)
        shown = ", ".join(f"{value:g}" for value in others[:4]) + (", ..." if len(others) > 4 else "")
        raise ValueError(
            f"{name} holds several values beside 0 ({shown}): expected a mask of one organ; write that organ as 1 and all "
            "else as 0."
        )


def check_contrast(volume: Volume, name: str) -> None:
    """Refuse a volume of one value.

    Raises:
        ValueError: It holds the same value everywhere.
    """
    if volume.values.min() == volume.values.max():
        raise ValueError(f"{name} holds the same value everywhere; there is nothing to align.")


def check_same_grid(mask: sitk.Image, reference: sitk.Image, name: str = "The reference mask") -> None:
    """Refuse a mask that does not lie on the reference's grid.

    Args:
        mask: The mask.
        reference: The volume it must fit.
        name: What the message calls the mask.

    Raises:
        ValueError: Size, or position of any corner by more than SAME_GRID_VOXELS, differ.
    """
    if mask.GetDimension() != 3 or mask.GetSize() != reference.GetSize():
        raise ValueError(
            f"{name} must lie on the reference's grid of {reference.GetSize()} voxels, but has "
            f"{mask.GetSize()}; resample it to the reference first."
        )
    away = corner_distances_mm(mask, reference)
    corner, apart_mm = max(away.items(), key=lambda item: item[1])
    if apart_mm > grid_limit_mm(reference):
        raise ValueError(
            f"{name} must lie on the reference's grid, but voxel {corner} lies "
            f"{apart_mm:.2f} mm away; resample the mask to the reference first."
        )


def grid_limit_mm(image: sitk.Image) -> float:
    """Tell how far the corners of another grid may lie from an image's and still count as the same, mm."""
    return SAME_GRID_VOXELS * min(image.GetSpacing())


def corner_distances_mm(image: sitk.Image, other: sitk.Image) -> dict[tuple[int, ...], float]:
    """Tell how far the corners of two grids of one size lie apart, mm, by index (x, y, z).

    They decide whether two grids are one: a voxel is a voxel, whatever of origin, spacing or direction puts it wrong.
    """
    # All eight: two alone miss exchanged axes.
    corners = product(*((0, size - 1) for size in image.GetSize()))
    places = (image.TransformIndexToPhysicalPoint, other.TransformIndexToPhysicalPoint)
    return {
        corner: float(np.linalg.norm(np.subtract(*(place(corner) for place in places)))) for corner in corners
    }


def volume_from_image(image: sitk.Image) -> Volume:
    """Give an image's values as float32 (z, y, x) with its geometry."""
    values = sitk.GetArrayViewFromImage(image).astype(np.float32)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return Volume(values, direction * np.array(image.GetSpacing()), np.array(image.GetOrigin()))


def mask_from_image(image: sitk.Image) -> NDArray[np.bool_]:
    """Give an image's nonzero voxels as booleans (z, y, x)."""
    return np.asarray(sitk.GetArrayViewFromImage(image) != 0)


def image_like(values: NDArray, image: sitk.Image) -> sitk.Image:
    """Give an array (z, y, x) as an image with another image's geometry."""
    result = sitk.GetImageFromArray(values)
    result.CopyInformation(image)
    return result


def image_on(values: NDArray, volume: Volume) -> sitk.Image:
    """Give an array (z, y, x) as an image where a volume of the same shape lies."""
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(volume.origin.tolist())
    image.SetSpacing(volume.spacing_mm.tolist())
    image.SetDirection(volume.directions.ravel().tolist())
    return image


def values_of(image: sitk.Image) -> NDArray:
    """Give an image's values as an array (z, y, x) of the image's own type."""
    return sitk.GetArrayFromImage(image)


def world_from_index(volume: Volume, index_zyx: NDArray) -> NDArray[np.float64]:
    """Give the world positions (n, 3: x, y, z in mm) of array positions (n, 3: z, y, x; may be fractions)."""
    return np.asarray(index_zyx, dtype=np.float64)[:, ::-1] @ volume.index_to_world.T + volume.origin


def index_from_world(volume: Volume, points: NDArray) -> NDArray[np.float64]:
    """Give the array positions (n, 3: z, y, x) of world positions (n, 3: x, y, z in mm)."""
    return ((points - volume.origin) @ np.linalg.inv(volume.index_to_world).T)[:, ::-1]
