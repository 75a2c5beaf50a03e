"""A volume of two patients of one run is told with the second."""

from __future__ import annotations

import shutil
from pathlib import Path

from tiny_phases import write_case

from nnunet_multiphase.patients.shared_volumes import SharedVolumes
from nnunet_multiphase.prediction.prepare import prepare_case


def test_a_volume_of_a_patient_before_is_told(tmp_path: Path) -> None:
    shared = SharedVolumes()
    for seed, name in enumerate(("one", "two", "three")):
        write_case(tmp_path / name, phases=("art",), seed=seed)
    shutil.copy(tmp_path / "one" / "art.nii.gz", tmp_path / "three" / "pv.nii.gz")  # of a phase not used, too
    said = {
        name: shared.told(prepare_case(tmp_path / name, ("art",))).doubts for name in ("one", "two", "three")
    }
    assert (said["one"], said["two"]) == ((), ())
    assert said["three"][-1].startswith(
        "pv holds the same voxels as art of one: one of the two is another patient's"
    )
