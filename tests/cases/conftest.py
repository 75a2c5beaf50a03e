"""A case that nothing speaks against, for those who spoil it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from torso import image_of, lesion_mask, liver_mask, torso_hu

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_folder import read_case_folder


@pytest.fixture
def case(tmp_path: Path) -> CaseFolder:
    """Write a case of two phases with both masks on pv."""
    folder = tmp_path / "a"
    folder.mkdir()
    for seed, phase in enumerate(("art", "pv")):
        sitk.WriteImage(image_of(torso_hu(seed=seed)), str(folder / f"{phase}.nii.gz"))
    sitk.WriteImage(image_of(lesion_mask(), np.uint8), str(folder / "lesions_pv.nii.gz"))
    sitk.WriteImage(image_of(liver_mask(), np.uint8), str(folder / "liver_pv.nii.gz"))
    return read_case_folder(folder, require_lesions=True)
