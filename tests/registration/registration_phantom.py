"""A tiny synthetic abdomen, defined in world mm, that can be scanned on any grid after any rigid motion."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

# Centre and half axes in mm (x, y, z) and HU in two phases; later ones lie over earlier ones.
# Long along z, so that a scan of the middle is cut at both ends as a real one is.
ORGANS = {
    "body": ((0, 0, 0), (110, 80, 160), 20, 30),
    "fat": ((0, 5, 0), (102, 72, 155), -100, -100),
    "muscle": ((0, 8, 0), (92, 60, 150), 45, 60),
    "cavity": ((0, 2, 0), (84, 50, 145), -90, -90),
    "liver": ((-40, -5, 15), (48, 42, 45), 60, 120),
    "spleen": ((60, 25, 30), (22, 18, 32), 50, 140),
    "spine": ((0, 45, 0), (18, 14, 150), 350, 350),
    "left kidney": ((48, 35, -40), (17, 14, 30), 35, 170),
    "right kidney": ((-46, 38, -48), (17, 14, 28), 35, 170),
    "aorta": ((10, 25, 0), (8, 8, 150), 40, 250),
    "stomach": ((40, -25, 25), (26, 20, 24), 5, 5),
    "bowel gas": ((25, -30, -55), (18, 12, 14), -700, -700),
    "cyst": ((-52, -12, 22), (11, 10, 12), 5, 5),
    "metastasis": ((-28, 4, 0), (9, 8, 10), 40, 70),
    "vessel": ((-36, -8, 22), (26, 5, 5), 42, 180),
}
OBLIQUE = np.array(sitk.Euler3DTransform((0, 0, 0), 0.12, -0.08, 0.2).GetMatrix()).reshape(3, 3)
HEADER_LIKE_NIFTI = np.diag([-1.0, -1.0, 1.0])
CENTRE_MM = np.array([15.0, -180.0, 1200.0])  # world position of the abdomen's middle: headers are not near 0


def scan(
    *,
    phase: int = 0,
    motion: sitk.Transform | None = None,
    spacing_mm: tuple[float, float, float] = (4.0, 4.0, 5.0),
    extent_mm: tuple[float, float, float] = (240.0, 180.0, 130.0),
    direction: np.ndarray | None = None,
    middle_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    liver_shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    noise_hu: float = 10.0,
    seed: int = 0,
) -> sitk.Image:
    """Scan the abdomen on a grid.

    Args:
        phase: 0 = native, 1 = enhanced.
        motion: Where points of the still abdomen go; none = it lies still.
        spacing_mm: Voxel size (x, y, z).
        extent_mm: Size of the scanned box.
        direction: Direction cosines; none = identity.
        middle_mm: Middle of the scanned box, relative to the still abdomen's middle.
        liver_shift_mm: Where the liver and what is in it went, against the rest.
        noise_hu: Standard deviation of the noise.
        seed: Seed of the noise.

    Returns:
        int16 image, HU.
    """
    image = empty_grid(spacing_mm=spacing_mm, extent_mm=extent_mm, direction=direction, middle_mm=middle_mm)
    values = np.full(image.GetSize()[::-1], -1000.0)
    places = still_places(image, motion)
    for name, (centre, half_axes, *hu) in ORGANS.items():
        shift = np.array(liver_shift_mm) if name in ("liver", "cyst", "metastasis", "vessel") else 0.0
        # A margin of about a voxel goes from 0 to 1: partial volume.
        depth = (1 - np.linalg.norm((places - centre - shift) / half_axes, axis=-1)) * min(half_axes)
        share = np.clip(depth / 4.0 + 0.5, 0, 1)
        values += share * (hu[phase] - values)
    values += np.random.default_rng(seed).normal(0, noise_hu, values.shape)
    scanned = sitk.GetImageFromArray(np.rint(values).astype(np.int16))
    scanned.CopyInformation(image)
    return scanned


def empty_grid(
    *,
    spacing_mm: tuple[float, float, float],
    extent_mm: tuple[float, float, float],
    direction: np.ndarray | None,
    middle_mm: tuple[float, float, float],
) -> sitk.Image:
    """Make an empty uint8 image whose box has a given middle."""
    direction = np.eye(3) if direction is None else direction
    size = np.rint(np.array(extent_mm) / spacing_mm).astype(int)
    image = sitk.Image(size.tolist(), sitk.sitkUInt8)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction.ravel().tolist())
    half = direction @ ((size - 1) / 2 * np.array(spacing_mm))
    image.SetOrigin((CENTRE_MM + middle_mm - half).tolist())
    return image


def world_points(image: sitk.Image) -> np.ndarray:
    """Give the world position of every voxel, (z, y, x, 3: x, y, z in mm)."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in image.GetSize()[::-1]], indexing="ij"), axis=-1)
    matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return index[..., ::-1] @ matrix.T + image.GetOrigin()


def still_places(image: sitk.Image, motion: sitk.Transform | None) -> np.ndarray:
    """Give, for every voxel, which place of the still abdomen it shows (mm from the abdomen's middle)."""
    points = world_points(image)
    if motion is not None:
        back = motion.GetInverse()
        origin = np.array(back.TransformPoint((0.0, 0.0, 0.0)))
        matrix = np.stack(
            [np.array(back.TransformPoint(row)) - origin for row in np.eye(3).tolist()], axis=-1
        )
        points = points @ matrix.T + origin
    return points - CENTRE_MM


def liver_mask(image: sitk.Image) -> sitk.Image:
    """Give the still abdomen's liver on an image's grid."""
    centre, half_axes, *_ = ORGANS["liver"]
    inside = np.linalg.norm((still_places(image, None) - centre) / half_axes, axis=-1) < 1
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def rigid(
    angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]
) -> sitk.Euler3DTransform:
    """Make a motion about the abdomen's middle."""
    return sitk.Euler3DTransform(CENTRE_MM.tolist(), *np.deg2rad(angles_deg).tolist(), shift_mm)


def points_in_body(seed: int = 0) -> np.ndarray:
    """Give world points in the still abdomen's middle (200, 3), to judge a transform by."""
    return CENTRE_MM + np.random.default_rng(seed).uniform((-80, -50, -50), (80, 50, 50), (200, 3))


def mean_error_mm(found: sitk.Transform, truth: sitk.Transform, points: np.ndarray) -> float:
    """Give the mean distance between where two transforms send points."""
    apart = [np.subtract(found.TransformPoint(p), truth.TransformPoint(p)) for p in points.tolist()]
    return float(np.linalg.norm(apart, axis=1).mean())
