#!/usr/bin/env python3
"""Type nnU-Net's commands with our planner and trainer, one after the other, and print what works as a table.

    python tests/chain/check_nnunet_commands.py WORK_FOLDER [--only WORD]

Takes about half an hour on two cores: too long for the test suite, which types the main ones. Everything runs on tiny
datasets, so that it is the commands that are checked and not what is learnt. docs/compatibility.md holds the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "planning"))
from tiny_dataset import FOLDERS, write_raw

OURS = "-tr MultiPhaseSCAMTrainer_tryout -p nnUNetMultiPhaseSCAMPlans"
DATASET, OTHER = "Dataset961_Commands", "Dataset962_Other"
CASES = 5


@dataclass(frozen=True)
class Check:
    """Hold one line of the table: what is checked, the commands typed, and what must be there afterwards."""

    what: str
    commands: tuple[str, ...]
    expected: Callable[[Path, float], bool]  # of the working folder and of the time at which the check began


def folder(root: Path, configuration: str, trainer: str = "MultiPhaseSCAMTrainer_tryout") -> Path:
    """Give a model's folder."""
    return root / "nnUNet_results" / DATASET / f"{trainer}__nnUNetMultiPhaseSCAMPlans__{configuration}"


def predicted(root: Path, name: str, count: int = CASES) -> bool:
    """Tell whether an output folder holds so many segmentations."""
    return len(list((root / name).glob("*.nii.gz"))) == count


def checks(root: Path) -> list[Check]:
    """List the checks in the order in which they build on one another."""
    images = root / "nnUNet_raw" / DATASET / "imagesTr"
    fullres = folder(root, "3d_fullres")
    predict = f"nnUNetv2_predict -i {images} -d 961 -f 0 -device cpu -npp 1 -nps 1 --disable_tta {OURS}"
    train = f"nnUNetv2_train 961 {{}} {{}} {OURS} -device cpu"

    def plans(name: str) -> dict:
        return json.loads((root / "nnUNet_preprocessed" / DATASET / f"{name}.json").read_text())

    def written_since(began: float, name: str) -> bool:
        return (fullres / name).stat().st_mtime >= began

    def moved(fold: int, name: str) -> bool:
        return (
            Path(str(fullres).replace("nnUNetMultiPhaseSCAMPlans", "Moved")) / f"fold_{fold}" / name
        ).exists()

    return [
        Check(
            "plan and preprocess, 2d and 3d_fullres",
            (
                "nnUNetv2_plan_and_preprocess -d 961 -pl MultiPhaseSCAMPlanner --verify_dataset_integrity "
                "-c 2d 3d_fullres -npfp 1 -np 1 1",
            ),
            lambda *_: set(plans("nnUNetMultiPhaseSCAMPlans")["configurations"]) >= {"2d", "3d_fullres"},
        ),
        Check(
            "`-overwrite_plans_name -gpu_memory_target -overwrite_target_spacing`",
            (
                "nnUNetv2_plan_experiment -d 961 -pl MultiPhaseSCAMPlanner -overwrite_plans_name Coarse "
                "-gpu_memory_target 4 -overwrite_target_spacing 3 2 2",
            ),
            lambda *_: plans("Coarse")["configurations"]["3d_fullres"]["spacing"] == [3.0, 2.0, 2.0],
        ),
        Check(
            "five folds, `--npz`, 3d_fullres",
            tuple(f"{train.format('3d_fullres', fold)} --npz" for fold in range(5)),
            lambda *_: len(list(fullres.glob("fold_*/validation/case_*.npz"))) == CASES,
        ),
        Check(
            "five folds, `--npz`, 2d",
            tuple(f"{train.format('2d', fold)} --npz" for fold in range(5)),
            lambda r, _: len(list(folder(r, "2d").glob("fold_*/validation/case_*.npz"))) == CASES,
        ),
        Check(
            "splits_final.json decides the folds",
            (),
            lambda *_: (
                [p.name for p in (fullres / "fold_0" / "validation").glob("*.nii.gz")]
                == [f"case_{CASES - 1:03d}.nii.gz"]
            ),
        ),
        Check(
            "fold `all`",
            (train.format("3d_fullres", "all"),),
            lambda *_: (fullres / "fold_all" / "checkpoint_final.pth").exists(),
        ),
        Check(
            "`--c` (on a finished fold)",
            (f"{train.format('3d_fullres', 0)} --c",),
            lambda _, began: written_since(began, "fold_0/checkpoint_final.pth"),
        ),
        Check(
            "`--val`",
            (f"{train.format('3d_fullres', 0)} --val",),
            lambda _, began: written_since(began, "fold_0/validation/summary.json"),
        ),
        Check(
            "`--val --val_best`",
            (f"{train.format('3d_fullres', 0)} --val --val_best",),
            lambda _, began: written_since(began, "fold_0/validation/summary.json"),
        ),
        Check(
            "`--disable_checkpointing`",
            (
                "nnUNetv2_train 961 3d_fullres 0 -tr MultiPhaseSCAMTrainer_tryout -p Moved -device cpu "
                "--disable_checkpointing",
            ),
            lambda *_: (
                moved(0, "validation/summary.json")
                and not any(moved(0, f"checkpoint_{name}.pth") for name in ("final", "best", "latest"))
            ),
        ),
        Check(
            "`-pretrained_weights`",
            (
                "nnUNetv2_train 961 3d_fullres 1 -tr MultiPhaseSCAMTrainer_tryout -p Moved -device cpu "
                f"-pretrained_weights {fullres / 'fold_0' / 'checkpoint_final.pth'}",
            ),
            lambda *_: moved(1, "checkpoint_final.pth"),
        ),
        Check(
            "move_plans_between_datasets, then preprocess the other dataset",
            (
                "nnUNetv2_extract_fingerprint -d 962 -np 1",
                "nnUNetv2_plan_experiment -d 962 -pl MultiPhaseSCAMPlanner",
                "nnUNetv2_move_plans_between_datasets -s 961 -t 962 -sp nnUNetMultiPhaseSCAMPlans -tp FromOther",
                "nnUNetv2_preprocess -d 962 -plans_name FromOther -c 3d_fullres -np 1",
            ),
            lambda r, _: bool(list((r / "nnUNet_preprocessed" / OTHER).glob("*_3d_fullres/case_*.b2nd"))),
        ),
        Check(
            "predict with mirroring (TTA)",
            (f"{predict.replace('--disable_tta ', '')} -c 3d_fullres -o {root / 'tta'}",),
            lambda r, _: predicted(r, "tta"),
        ),
        Check(
            "predict `--save_probabilities`, 2d and 3d_fullres",
            tuple(
                f"{predict} -c {name} -o {root / f'soft_{name}'} --save_probabilities"
                for name in ("2d", "3d_fullres")
            ),
            lambda r, _: (
                predicted(r, "soft_2d") and len(list((r / "soft_3d_fullres").glob("*.npz"))) == CASES
            ),
        ),
        Check(
            "ensemble of two configurations",
            (f"nnUNetv2_ensemble -i {root / 'soft_2d'} {root / 'soft_3d_fullres'} -o {root / 'both'} -np 1",),
            lambda r, _: predicted(r, "both"),
        ),
        Check(
            "find_best_configuration",
            (f"nnUNetv2_find_best_configuration 961 -c 2d 3d_fullres -np 1 {OURS}",),
            lambda r, _: (r / "nnUNet_results" / DATASET / "inference_instructions.txt").exists(),
        ),
        Check(
            "determine_postprocessing, apply_postprocessing",
            (
                f"nnUNetv2_determine_postprocessing -i {fullres / 'crossval_results_folds_0_1_2_3_4'} -np 1 "
                f"-ref {root / 'nnUNet_preprocessed' / DATASET / 'gt_segmentations'}",
                f"nnUNetv2_apply_postprocessing -i {root / 'soft_3d_fullres'} -o {root / 'cleaned'} -np 1 "
                f"-pp_pkl_file {fullres / 'crossval_results_folds_0_1_2_3_4' / 'postprocessing.pkl'} "
                f"-plans_json {fullres / 'plans.json'} -dataset_json {fullres / 'dataset.json'}",
            ),
            lambda r, _: predicted(r, "cleaned"),
        ),
        Check(
            "`-npp 0 -nps 0`",
            (f"{predict.replace('-npp 1 -nps 1', '-npp 0 -nps 0')} -c 3d_fullres -o {root / 'no_workers'}",),
            lambda r, _: predicted(r, "no_workers"),
        ),
        Check(
            "`-num_parts 2`",
            tuple(
                f"{predict} -c 3d_fullres -o {root / 'parts'} -num_parts 2 -part_id {part}" for part in (0, 1)
            ),
            lambda r, _: predicted(r, "parts"),
        ),
        Check(
            "predict_from_modelfolder",
            (
                f"nnUNetv2_predict_from_modelfolder -i {images} -o {root / 'of_folder'} -m {fullres} -f 0 "
                "-device cpu -npp 1 -nps 1 --disable_tta",
            ),
            lambda r, _: predicted(r, "of_folder"),
        ),
        Check(
            "export to zip, install elsewhere, predict there",
            (
                f"nnUNetv2_export_model_to_zip -d 961 -o {root / 'model.zip'} -c 3d_fullres -f 0 {OURS}",
                f"nnUNet_results={root / 'elsewhere'} nnUNetv2_install_pretrained_model_from_zip {root / 'model.zip'}",
                f"nnUNet_results={root / 'elsewhere'} {predict} -c 3d_fullres -o {root / 'unzipped'}",
            ),
            lambda r, _: predicted(r, "unzipped"),
        ),
    ]


def type_command(line: str, root: Path) -> str:
    """Run one line as a shell would; give the end of what it said where it failed, else nothing."""
    environment = os.environ | {name: str(root / name) for name in FOLDERS}
    # One worker each: every one that nnU-Net starts imports torch anew.
    environment |= {"nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": "1"}
    words = line.split()
    while "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        environment[name] = value
    script = Path(sys.executable).with_name(words[0])
    done = subprocess.run(
        [str(script), *words[1:]],
        env=environment,
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return "" if done.returncode == 0 else f"exit {done.returncode}: {(done.stdout + done.stderr)[-1500:]}"


def prepare(root: Path) -> None:
    """Write two tiny raw datasets, the first with a split of its own."""
    for name in (*FOLDERS, "elsewhere"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for dataset in (DATASET, OTHER):
        write_raw(root, dataset, {"background": 0, "lesion": 1}, cases=CASES)
    # A split that nnU-Net would not draw: fold 0 validates the last case.
    cases = [f"case_{number:03d}" for number in range(CASES)]
    splits = [{"train": [c for c in cases if c != val], "val": [val]} for val in reversed(cases)]
    (root / "nnUNet_raw" / DATASET / "splits_final.json").write_text(json.dumps(splits))  # planning copies it


def main() -> int:
    """Print one line a check, as Markdown; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="an empty or new folder")
    parser.add_argument(
        "--only", help="only the checks whose name holds this word; the folder was used before"
    )
    options = parser.parse_args()
    root = options.work.resolve()
    if not options.only:
        prepare(root)
    failed = 0
    print("| what | result | seconds |\n|---|---|---|")
    for check in checks(root):
        if options.only and options.only not in check.what:
            continue
        if "Moved" in " ".join(check.commands):
            # The same plans by another name: a model folder of its own, over the same preprocessed data.
            home = root / "nnUNet_preprocessed" / DATASET
            plans = json.loads((home / "nnUNetMultiPhaseSCAMPlans.json").read_text())
            (home / "Moved.json").write_text(json.dumps({**plans, "plans_name": "Moved"}))
        began, problem = time.time(), ""
        for line in check.commands:
            problem = problem or type_command(line, root)
        if not problem and not check.expected(root, began):
            problem = "the commands ended well, but what they should have left is not there"
        failed += bool(problem)
        print(
            f"| {check.what} | {'**failed**' if problem else 'ok'} | {time.time() - began:.0f} |",
            flush=True,
        )
        if problem:
            print(problem, file=sys.stderr, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
