"""Pairs that several tests register: made and fitted once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from registration_phantom import HEADER_LIKE_NIFTI, OBLIQUE, liver_mask, rigid, scan

from registration import RegistrationSettings

# Fewer samples than the default: the phantom has few voxels and the tests few seconds.
SETTINGS = replace(RegistrationSettings(), bottom_samples=20_000, threads=1)
LIVER_SHIFT_MM = (2.0, 1.0, 12.0)


@pytest.fixture(scope="session")
def settings() -> RegistrationSettings:
    return SETTINGS


@pytest.fixture(scope="session")
def body_settings() -> RegistrationSettings:
    return replace(SETTINGS, region="body")


@pytest.fixture(scope="session")
def reference() -> sitk.Image:
    return scan(direction=OBLIQUE)


@pytest.fixture(scope="session")
def medium_motion() -> sitk.Transform:
    return rigid((3.0, -5.0, 5.0), (5.0, 5.0, 13.0))  # 15 mm, 8 degrees


@pytest.fixture(scope="session")
def medium(medium_motion: sitk.Transform) -> sitk.Image:
    """Another phase, moved, on another grid with less coverage."""
    return scan(
        phase=1,
        motion=medium_motion,
        spacing_mm=(3.5, 3.8, 6.0),
        extent_mm=(230.0, 170.0, 110.0),
        direction=HEADER_LIKE_NIFTI,
        seed=1,
    )


@pytest.fixture(scope="session")
def reference_liver(reference: sitk.Image) -> sitk.Image:
    return liver_mask(reference)


@pytest.fixture(scope="session")
def breathed() -> sitk.Image:
    """Another phase in which only the liver moved."""
    return scan(
        phase=1,
        liver_shift_mm=LIVER_SHIFT_MM,
        spacing_mm=(3.5, 3.8, 5.0),
        extent_mm=(230.0, 170.0, 120.0),
        direction=HEADER_LIKE_NIFTI,
        seed=1,
    )


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory,
    reference: sitk.Image,
    breathed: sitk.Image,
    reference_liver: sitk.Image,
) -> Path:
    """Write the pair, its mask, and files that are none, as the command is given them."""
    folder = tmp_path_factory.mktemp("volumes")
    for name, image in (("reference", reference), ("moving", breathed), ("mask", reference_liver)):
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"), True)
    sitk.WriteImage(reference_liver * 0, str(folder / "empty.nii.gz"), True)
    organs = reference_liver * 5 + sitk.Cast(reference > 300, reference_liver.GetPixelID()) * (
        reference_liver == 0
    )
    sitk.WriteImage(organs, str(folder / "organs.nii.gz"), True)
    blurred = sitk.SmoothingRecursiveGaussian(sitk.Cast(reference_liver, sitk.sitkFloat32), 8.0)
    sitk.WriteImage(blurred, str(folder / "probabilities.nii.gz"), True)
    whole = (folder / "moving.nii.gz").read_bytes()
    (folder / "cut_short.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "damaged.nii.gz").write_bytes(b"no image at all")
    sitk.WriteImage(sitk.Image(5, 5, sitk.sitkInt16), str(folder / "flat.nii.gz"))
    return folder
