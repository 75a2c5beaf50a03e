"""A miniature of HCC-TACE-Seg (TCIA): two phases stacked in one series, a SEG with five segments on one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from dicom_phantom import lesion_mask, make_seg, phase_series, save

from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.cohort import find_case_folders
from nnunet_multiphase.dicom_import.import_tree import import_tree


def box(*bounds: slice) -> np.ndarray:
    mask = np.zeros((12, 32, 32), np.uint8)
    mask[bounds] = 1
    return mask


def test_a_miniature_of_the_set_becomes_a_case(tmp_path: Path) -> None:
    study = tmp_path / "tree" / "HCC_009" / "12-31-1998-NA-CT ABDOMEN-53201"
    options = {"patient": "HCC_009", "series": "both", "description": "LIVER 3 PHASE CAP", "number": 103}
    art = phase_series("art", AcquisitionNumber=1, **options)
    pv = phase_series("pv", AcquisitionNumber=2, first_instance=13, **options)
    save([*art, *pv], study / "103.000000-LIVER 3 PHASE CAP-83135")
    liver = box(np.s_[2:9], np.s_[9:20], np.s_[5:16])
    segments = {
        "Liver": liver & ~lesion_mask().astype(bool),
        "Mass": lesion_mask(),
        "Necrosis": box(np.s_[5], np.s_[13:15], np.s_[9:11]),
        "Portal vein": box(np.s_[5], np.s_[22:24], np.s_[20:22]),
        "Abdominal aorta": box(np.s_[2:9], np.s_[24:26], np.s_[15:17]),
    }
    save(
        [make_seg(pv, {name: mask.astype(np.uint8) for name, mask in segments.items()})],
        study / "300.000000-Segmentation-91221",
    )
    # One of the 105 patients has no SEG.
    save(phase_series("pv", patient="HCC_103", description="PV"), tmp_path / "tree" / "HCC_103" / "1")

    import_tree(tmp_path / "tree", tmp_path / "raw")
    folders = {
        path.name: sorted(f.name for f in path.iterdir()) for path in (tmp_path / "raw").glob("patient_*")
    }
    with_masks = [name for name, files in folders.items() if "lesions_pv.nii.gz" in files]
    assert len(folders) == 2
    (name,) = with_masks
    assert folders[name] == ["art.nii.gz", "lesions_pv.nii.gz", "liver_pv.nii.gz", "pv.nii.gz"]
    lesions, whole_liver = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "raw" / name / f"{kind}_pv.nii.gz")))
        for kind in ("lesions", "liver")
    )
    np.testing.assert_array_equal(lesions, lesion_mask() | segments["Necrosis"])
    np.testing.assert_array_equal(whole_liver, liver)

    (other,) = set(folders) - {name}
    for path in (tmp_path / "raw" / other).iterdir():
        path.unlink()
    (tmp_path / "raw" / other).rmdir()
    (case,) = find_case_folders(tmp_path / "raw")
    assert case.reference == "pv"
    assert check_case(case).problems == ()
