"""Write a benchmark as scripts for Slurm: prepare, an array of trainings, evaluate."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from nnunet_multiphase.benchmark.commands import evaluate_line
from nnunet_multiphase.benchmark.place import FOLDERS
from nnunet_multiphase.whole_file import whole_file

HEAD = """#!/usr/bin/env bash
#SBATCH --job-name=benchmark-{step}
#SBATCH --output={output}
{options}set -euo pipefail
cd {here}
{exports}"""
SUBMIT = """#!/usr/bin/env bash
# Submit all: add your cluster's account, partition and time limit to the three scripts first.
set -euo pipefail
prepare=$(sbatch --parsable {folder}/prepare.sh)
train=$(sbatch --parsable --dependency="afterok:$prepare" {folder}/train.sh)
sbatch --dependency="afterany:$train" {folder}/evaluate.sh
"""


def write_slurm_scripts(
    folder: Path,
    *,
    typed: Sequence[str],
    work: Path,
    trainings: int,
    device: str,
    jobs: int,
    against: str | None = None,
) -> Path:
    """Write prepare.sh, train.sh, evaluate.sh, and submit.sh that submits them.

    Args:
        folder: Receives them, and the jobs' outputs.
        typed: The benchmark's command.
        work: The benchmark's folder.
        trainings: How many there are: an array job each.
        device: A GPU is asked for where it is "cuda".
        jobs: Cores for preparing.
        against: The contestant that the others are compared with; None: the first.

    Returns:
        submit.sh.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    exports = "".join(
        f"export {name}={shlex.quote(os.environ[name])}\n" for name in FOLDERS if os.environ.get(name)
    )
    gpu = "#SBATCH --gres=gpu:1\n" if device == "cuda" else ""
    # A task of the array is a training; a finished one is not done again, so that the array may be submitted twice.
    steps = {
        "prepare": (f"#SBATCH --cpus-per-task={jobs}\n", "%j", shlex.join([*typed, "--only", "prepare"])),
        "train": (
            f"#SBATCH --array=0-{trainings - 1}\n{gpu}",
            "%A_%a",
            f'{shlex.join([*typed, "--only"])} "$SLURM_ARRAY_TASK_ID"',
        ),
        "evaluate": (
            "",
            "%j",
            evaluate_line(work, typed, against),
        ),
    }
    for step, (options, number, line) in steps.items():
        head = HEAD.format(
            step=step,
            output=shlex.quote(f"{folder}/{step}-{number}.out"),
            options=options,
            here=shlex.quote(str(Path.cwd())),
            exports=exports,
        )
        _write(folder / f"{step}.sh", f"{head}{line}\n")
    return _write(folder / "submit.sh", SUBMIT.format(folder=shlex.quote(str(folder))))


def _write(path: Path, text: str) -> Path:
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")
        beside.chmod(0o755)
    return path
