"""The stages of the chain as commands on tiny inputs: what to type, what must come of it, what may differ."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

TESTS = Path(__file__).parents[1]
for _folder in (".", "dicom", "models", "benchmark"):
    sys.path.append(str(TESTS / _folder))

FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
NONE = r"(?!)"
OURS = (sys.executable, "-m", "nnunet_multiphase.cli.main")
SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Stage:
    """One command.

    Attributes:
        make: Writes its input to a folder.
        command: Gives what to type, of the folders of the input and of the output.
        varies: Files (regular expression) that two undisturbed runs may write differently: times, logs, weights.
        grows: Files (regular expression) that are replaced in the course of a run: whole at any time, not yet complete.
        theirs: Files (regular expression) that nnU-Net writes under their final names, whole or not.
        done: What it says, as an error, where it had ended before it was killed.
        reads: nnU-Net's folders that are input.
        shared: Two runs may each be refused a part that the other is at.
        needs: Files of the input (regular expression) without which it cannot end.
        preload: Modules that `forked.py` imports beforehand.
        seconds: No run takes so long on a busy machine.
    """

    make: Callable[[Path], None]
    command: Callable[[Path, Path], Sequence[str]]
    varies: str = NONE
    grows: str = NONE
    theirs: str = NONE
    done: str = NONE
    reads: tuple[str, ...] = ()
    shared: bool = False
    needs: str = r".*"
    preload: tuple[str, ...] = ()
    seconds: float = 300

    def environment(self, source: Path, out: Path) -> dict[str, str]:
        """Give the command nnU-Net's folders, our sources and one thread."""
        folders = {name: str((source if name in self.reads else out) / name) for name in FOLDERS}
        ours = [str(TESTS.parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        return {
            **os.environ,
            **folders,
            **threads,
            "nnUNet_n_proc_DA": "0",
            "PYTHONPATH": os.pathsep.join(ours),
        }


def tree(folder: Path) -> dict[str, str]:
    """Digest all files below a folder, by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(_without_times(path)).hexdigest()
    return found


def _without_times(path: Path) -> bytes:
    """Read a file, without the seconds that a registration took: no two runs take the same."""
    content = path.read_bytes()
    if path.name.endswith("quality.csv"):
        rows = list(csv.DictReader(content.decode().splitlines()))
        return repr([{**row, "seconds": ""} for row in rows]).encode()
    if path.name == "t.json":
        return repr({**json.loads(content), "seconds": 0}).encode()
    return content


def hidden(name: str) -> bool:
    """Tell whether a file is none that anybody takes for a result."""
    return any(part.startswith((".", "unfinished_")) for part in name.split("/"))


def _dicom_tree(source: Path) -> None:
    from dicom_phantom import phase_series, save

    for patient in ("P1", "P2", "P3"):
        for phase in ("nc", "art", "pv"):
            series = phase_series(phase, patient=patient, series=phase, description=phase)
            save(series, source / patient / phase)


def _pair(source: Path) -> None:
    from tiny_phases import phase_image

    sitk.WriteImage(phase_image("pv"), str(source / "pv.nii.gz"))
    sitk.WriteImage(phase_image("art", shift_mm=(3.0, -2.0, 4.0)), str(source / "art.nii.gz"))


def _cohort(source: Path) -> None:
    from tiny_phases import write_case

    for number in range(4):
        write_case(source / f"case_{number}", phases=("art", "pv"), seed=number)


def _patients(source: Path) -> None:
    from tiny_phases import write_case

    _model(source / "model")
    for number in range(2):
        write_case(
            source / "patients" / f"p{number}", phases=("nc", "art", "pv", "dl"), seed=number, liver=True
        )


def _model(folder: Path) -> None:
    """Write a model as nnU-Net does: a small network of ours that was never trained."""
    import torch
    from tiny_model import KERNELS, NETWORK_CLASS, STRIDES, network, plans, record

    from nnunet_multiphase.network.defaults import ARCH_KWARGS_REQ_IMPORT, default_arch_kwargs

    kwargs = default_arch_kwargs(KERNELS, STRIDES, is_2d=False, patch_size=None)
    kwargs |= {"features_per_stage": [4, 4, 6, 6, 8], "decoder_features_per_stage": [2, 4, 4, 6]}
    architecture = {
        "network_class_name": NETWORK_CLASS,
        "arch_kwargs": kwargs,
        "_kw_requires_import": list(ARCH_KWARGS_REQ_IMPORT),
    }
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans(architecture=architecture)))
    (folder / "dataset.json").write_text(json.dumps(record()))
    checkpoint = {
        "network_weights": network(3).state_dict(),
        "trainer_name": "MultiPhaseSCAMTrainer",
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")


def _scored(source: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):
        for folder in ("predictions", "truth"):
            (source / folder).mkdir(exist_ok=True)
            mask = np.zeros((12, 24, 24), np.uint8)
            z, y, x = rng.integers(1, 6, 3)
            mask[z : z + 4, y : y + 6, x : x + 6] = 1
            sitk.WriteImage(sitk.GetImageFromArray(mask), str(source / folder / f"case_{number}.nii.gz"))


def _cohort_of_six(source: Path) -> None:
    from tiny_phases import write_case

    for number in range(6):
        write_case(source / f"case_{number}", phases=("art", "pv"), seed=number)


def _raw_dataset(source: Path) -> None:
    from tiny_raw import DATASET, write_raw, write_splits

    write_raw(source / "nnUNet_raw" / DATASET)
    write_splits(source / "nnUNet_preprocessed" / DATASET)


def _planned(source: Path) -> None:
    """Let nnU-Net plan and preprocess, as a training needs it."""
    _raw_dataset(source)
    stage = Stage(_planned, lambda source, out: PLAN)
    subprocess.run(PLAN, env=stage.environment(source, source), check=True, capture_output=True)
    task = {
        "dataset": 977,
        "configuration": "3d_fullres",
        "fold": 0,
        "trainer": "MultiPhaseSCAMTrainer",
        "plans": "nnUNetMultiPhaseSCAMPlans",
        "epochs": 4,
        "iterations": 2,
        "val_iterations": 1,
        "device": "cpu",
        "seed": 0,
        "workers": 0,
        "continue_training": True,
    }
    (source / "task.json").write_text(json.dumps(task))


def _typed(*start: str, line: str) -> Callable[[Path, Path], Sequence[str]]:
    """Give what is typed: `start`, then the words of a line in which {source} and {out} stand for the folders."""
    return lambda source, out: [*start, *(word.format(source=source, out=out) for word in line.split())]


def _ours(line: str) -> Callable[[Path, Path], Sequence[str]]:
    return _typed(*OURS, line=line)


PLAN = (
    *(str(SCRIPTS / "nnUNetv2_plan_and_preprocess"), "-d", "977", "-pl", "MultiPhaseSCAMPlanner"),
    *("-c", "3d_fullres", "-npfp", "1", "-np", "1"),
)
SETUP = "setup {source} --dataset-id 501 --name Tiny --phases art pv --test-fraction 0 --jobs "
TAKEN = "dataset id 501 is taken"
IMPLAUSIBLE = "--accept body-size mask-size liver-hu lesion-hu liver-side orientation"
DATASET = ("nnUNet_raw", "nnUNet_preprocessed")

STAGES: Mapping[str, Stage] = {
    "import": Stage(
        _dicom_tree,
        _ours("import-dicom {source} {out}/raw"),
        grows=r"raw/patients\.csv|raw_made_of\.csv",  # a line for each case that is there
        preload=("nnunet_multiphase.dicom_import.import_tree",),
    ),
    "register": Stage(
        _pair,
        _ours(
            "register {source}/pv.nii.gz {source}/art.nii.gz --transform {out}/t.tfm --moved {out}/moved.nii.gz "
            "--json {out}/t.json --figure {out}/t.png"
        ),
        preload=("registration.algorithm", "registration.figure"),
    ),
    "setup": Stage(
        _cohort,
        _ours(f"{SETUP} 1"),
        done=TAKEN,
        preload=(
            "nnunet_multiphase.dataset.build",
            "nnunet_multiphase.alignment.align",
            "nnunet_multiphase.report.cohort_page",
        ),
    ),
    "setup of two workers": Stage(_cohort, _ours(f"{SETUP} 2"), done=TAKEN),
    "evaluate": Stage(
        _scored,
        _ours("evaluate {source}/predictions {source}/truth -o {out}/scores --lesion-labels 1 --html"),
        preload=("nnunet_multiphase.evaluation.folders", "nnunet_multiphase.html.page"),
    ),
    "predict": Stage(
        _patients,
        _ours(
            "predict {source}/patients/p0 {source}/patients/p1 -m {source}/model -o {out}/predictions --disable-tta "
            f"--device cpu {IMPLAUSIBLE}"
        ),
        grows=r"predictions/(index\.html|not_predicted/p\d\.json)",  # who failed, too
        shared=True,
        preload=("nnunet_multiphase.models.nnunet_model", "nnunet_multiphase.report.patient_page"),
    ),
    "export": Stage(
        lambda source: _model(source / "model"),
        _ours("export {source}/model -o {out}/exported"),
        done="exists already",
        preload=("nnunet_multiphase.models.export", "nnunet_multiphase.models.nnunet_model"),
    ),
    "plan": Stage(
        _raw_dataset, lambda source, out: PLAN, varies=r".*\.(log|pkl)", theirs=r".*", reads=("nnUNet_raw",)
    ),
    "train": Stage(
        _planned,
        _typed(
            sys.executable,
            "-m",
            "nnunet_multiphase.benchmark.training",
            line="{source}/task.json {out}/record.json",
        ),
        varies=r".*",
        theirs=r".*(\.txt|\.png|(debug|dataset|plans|dataset_fingerprint|summary)\.json|\.nii\.gz)",
        reads=DATASET,
    ),
    "benchmark, prepare": Stage(
        _cohort_of_six,
        _ours(
            "benchmark {source} -o {out}/work --only prepare --phases art pv --test-fraction 0.2 "
            "--contestants ours single_phase"
        ),
        varies=r".*\.(log|pkl)|work/raw_cases\.json",  # it holds the files' times
        theirs=r"work/(nnUNet_preprocessed|logs)/.*",
        seconds=900,
    ),
    "benchmark": Stage(
        _planned,
        _ours(
            "benchmark -d 977 -o {out}/work --budget epochs=3 --iterations 2 --val-iterations 1 --disable-tta "
            "--contestants ours"
        ),
        varies=r".*",
        theirs=r"work/(.*/nnUNet_results|.*/?logs)/.*|.*/on_the_datasets_grid/.*",
        reads=DATASET,
        needs=r".*Plans\.json",
        seconds=900,
    ),
}
