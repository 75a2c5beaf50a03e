"""The own-data commands of the README, typed in a shell: plain nnU-Net, nothing of ours but the names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from tiny_dataset import FOLDERS, write_raw

pytestmark = pytest.mark.slow

DATASET = "Dataset951_Typed"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory):
    """Give a folder with a tiny raw dataset, and a function that types a command there."""
    root = tmp_path_factory.mktemp("typed")
    folders = {name: str(root / name) for name in FOLDERS}
    # one worker each: every one that nnU-Net starts imports torch anew
    environment = os.environ | folders | {"nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": "1"}
    for name in FOLDERS:
        (root / name).mkdir()
    write_raw(root, DATASET, {"background": 0, "lesion": 1}, cases=5)

    def typed(command: str) -> str:
        name, *arguments = command.split()
        script = Path(sys.executable).with_name(name)
        done = subprocess.run(
            [str(script), *arguments],
            env=environment,
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return root, typed


def assert_fingerprint_is_the_foregrounds(root):
    """Compare what was drawn with all voxels of the lesions: of each case as many, however large its lesions are."""
    told = json.loads((root / "nnUNet_preprocessed" / DATASET / "dataset_fingerprint.json").read_text())
    raw = root / "nnUNet_raw" / DATASET
    labels = sorted((raw / "labelsTr").iterdir())
    inside = [sitk.GetArrayFromImage(sitk.ReadImage(str(label))) > 0 for label in labels]
    assert len(told["spacings"]) == len(labels)
    for channel, drawn in told["foreground_intensity_properties_per_channel"].items():
        images = [
            raw / "imagesTr" / label.name.replace(".nii.gz", f"_{int(channel):04d}.nii.gz")
            for label in labels
        ]
        values = [
            sitk.GetArrayFromImage(sitk.ReadImage(str(image)))[mask]
            for image, mask in zip(images, inside, strict=True)
        ]
        # of a million draws the mean of values that spread by 500 HU at most is known to half a HU
        assert drawn["mean"] == pytest.approx(np.mean([v.mean() for v in values]), abs=3)
        assert drawn["percentile_99_5"] <= max(v.max() for v in values)


def test_plan_train_and_predict_as_the_readme_says(shell):
    root, typed = shell
    options = "-tr MultiPhaseSCAMTrainer_tryout -p nnUNetMultiPhaseSCAMPlans -device cpu"
    # --verify_dataset_integrity is in the demo's; each pool of workers imports torch anew
    typed(
        "nnUNetv2_plan_and_preprocess -d 951 -pl MultiPhaseSCAMPlanner -fpe MultiPhaseFingerprintExtractor "
        "-c 3d_fullres -npfp 1 -np 1"
    )
    assert_fingerprint_is_the_foregrounds(root)
    typed(f"nnUNetv2_train 951 3d_fullres 0 {options}")
    images = root / "nnUNet_raw" / DATASET / "imagesTr"
    typed(f"nnUNetv2_predict -i {images} -o {root / 'out'} -d 951 -c 3d_fullres -f 0 -npp 0 -nps 0 {options}")
    predicted = sorted((root / "out").glob("*.nii.gz"))
    assert [path.name for path in predicted] == [f"case_{n:03d}.nii.gz" for n in range(5)]
    for path in predicted:
        truth, found = (sitk.ReadImage(str(p)) for p in (images.parent / "labelsTr" / path.name, path))
        assert found.GetSize() == truth.GetSize()
        assert found.GetSpacing() == truth.GetSpacing()
        assert set(np.unique(sitk.GetArrayViewFromImage(found))) <= {0, 1}
    checkpoint = next((root / "nnUNet_results").rglob("checkpoint_final.pth"))
    assert torch.load(checkpoint, weights_only=False)["trainer_name"] == "MultiPhaseSCAMTrainer_tryout"
