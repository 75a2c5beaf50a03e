"""A benchmark on a cluster: plain nnU-Net commands, scripts for Slurm, a Dask cluster, one training at a time."""

import json
import math
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import SimpleITK as sitk
from tiny_raw import DATASET

from nnunet_multiphase.benchmark.budget import Budget
from nnunet_multiphase.benchmark.commands import nnunet_commands
from nnunet_multiphase.benchmark.finish import take_in
from nnunet_multiphase.benchmark.layout import Training, read_cost
from nnunet_multiphase.benchmark.prepare import prepare
from nnunet_multiphase.benchmark.run import run_benchmark
from nnunet_multiphase.benchmark.settings import BenchmarkSettings, Cohort
from nnunet_multiphase.benchmark.slurm import write_slurm_scripts
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.errors import InputError

SETTINGS = BenchmarkSettings(dataset=977, budget=Budget(epochs=50), contestants=("vanilla",), folds=(1,))
TYPED = ("nnunet-multiphase", "benchmark", "-d", "977", "-o", "out")


def silent(line):
    """Say nothing."""


def read_results(out):
    return json.loads((out / "results.json").read_text())


def typed(monkeypatch, *arguments):
    """Run the command as if it had been typed."""
    words = ["benchmark", *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", ["nnunet-multiphase", *words])
    return main(words)


def test_the_commands_are_nnunets_own(fakes, tmp_path):
    lines = nnunet_commands(tmp_path / "out", SETTINGS, typed=TYPED, jobs=2)
    fold = tmp_path / "out" / "vanilla" / "seed_0" / "fold_1"
    results = fold.parent / "nnUNet_results"
    model = results / DATASET / "nnUNetTrainer_50epochs__nnUNetPlans__3d_fullres"
    asked = "-tr nnUNetTrainer_50epochs -p nnUNetPlans -device cpu"
    folders = [f"export {n}={fakes.root / n}" for n in ("nnUNet_raw", "nnUNet_preprocessed")]
    assert lines == [
        "# plans and preprocessed cases",
        *folders,
        "nnUNetv2_plan_and_preprocess -d 977 -pl ExperimentPlanner -c 3d_fullres -npfp 2 --no_pp",
        "nnUNetv2_preprocess -d 977 -plans_name nnUNetPlans -c 3d_fullres -np 2",
        "",
        "# what the predictions are compared with",
        "nnunet-multiphase benchmark -d 977 -o out --only prepare",
        "",
        "# vanilla, seed 0, fold 1",
        *folders,
        f"export nnUNet_results={results}",
        f"nnUNetv2_train 977 3d_fullres 1 {asked}",
        f"mkdir -p {fold / 'predictions'}",
        f"cp {model / 'fold_1' / 'validation'}/*.nii.gz {fold / 'predictions'}",
        f"nnUNetv2_predict -d 977 -c 3d_fullres -f 1 {asked} -i {fakes.root / 'nnUNet_raw' / DATASET / 'imagesTs'} "
        f"-o {fold / 'predictions'}",
        "",
        "# compare",
        f"nnunet-multiphase benchmark -o {tmp_path / 'out'} --evaluate-only",
    ]
    assert not (tmp_path / "out").exists()


def test_cases_that_are_anothers_are_not_preprocessed_again(fakes, tmp_path):
    settings = replace(SETTINGS, contestants=("ours", "focal"))
    prepare(tmp_path / "out", settings, say=silent)
    lines = nnunet_commands(tmp_path / "out", settings, typed=TYPED)
    preprocessed = [line.split()[4] for line in lines if line.startswith("nnUNetv2_preprocess ")]
    assert preprocessed == ["nnUNetMultiPhaseSCAMPlans"]


def test_datasets_that_nnunet_cannot_make_are_prepared_first(fakes, tmp_path):
    settings = replace(
        SETTINGS, dataset=None, cohort=Cohort(tmp_path / "raw"), contestants=("ours", "unregistered")
    )
    lines = nnunet_commands(tmp_path / "out", settings, typed=TYPED)
    assert lines[1] == "nnunet-multiphase benchmark -d 977 -o out --only prepare"
    trains = [line for line in lines if line.startswith("nnUNetv2_train")]
    assert [line.split()[1] for line in trains] == ["901", "903"]


@pytest.mark.parametrize(
    "change", [{"budget": Budget(epochs=7)}, {"budget": Budget(minutes=5)}, {"iterations": 3}]
)
def test_a_budget_that_nnunet_has_no_trainer_of_is_refused(fakes, tmp_path, change):
    with pytest.raises(
        InputError, match="nnU-Net has trainers of 1, 5, 10, 20, 50, 100, 250, 500, 1000 epochs alone"
    ):
        nnunet_commands(tmp_path / "out", replace(SETTINGS, **change), typed=TYPED)


def test_plain_commands_are_refused_where_their_predictions_could_not_be_compared(fakes, tmp_path):
    path = fakes.root / "nnUNet_raw" / DATASET / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "file_ending": ".nrrd"}))
    with pytest.raises(
        InputError, match=r"--print-commands: Dataset977_Tiny has files of \.nrrd, .* \.nii\.gz"
    ):
        nnunet_commands(tmp_path / "out", SETTINGS, typed=TYPED)


def test_nnunet_knows_the_trainers_of_every_length_that_is_printed():
    from nnunetv2.training.nnUNetTrainer.variants.training_length import nnUNetTrainer_Xepochs

    from nnunet_multiphase.benchmark.commands import TRAINER_SUFFIXES
    from nnunet_multiphase.training.names import TRAINERS

    for suffix in filter(None, TRAINER_SUFFIXES.values()):
        assert hasattr(nnUNetTrainer_Xepochs, f"nnUNetTrainer{suffix}")
        assert f"MultiPhaseSCAMTrainer{suffix}" in TRAINERS


def test_predictions_of_nnunets_own_commands_are_taken_in(fakes, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    asked = ("-d", 977, "-o", out, "--contestants", "vanilla", "ours", "--budget", "epochs=5")
    assert typed(monkeypatch, *asked, "--only", "prepare") == 0
    labels = fakes.root / "nnUNet_raw" / DATASET
    for contestant, cut in (("vanilla", 0), ("ours", 1)):
        folder = out / contestant / "seed_0" / "fold_0" / "predictions"
        folder.mkdir(parents=True)
        for case, part in (("case_2", "labelsTr"), ("case_3", "labelsTs")):
            found = sitk.ReadImage(str(labels / part / f"{case}.nii.gz"))
            width, height, depth = found.GetSize()
            found = sitk.RegionOfInterest(found, [width - 2 * cut, height, depth], [cut, 0, 0])
            sitk.WriteImage(found, str(folder / f"{case}.nii.gz"))
    assert typed(monkeypatch, "-o", out, "--evaluate-only") == 0
    said = capsys.readouterr()
    assert "ours, seed 0, fold 0: predictions found, cost unknown" in said.err
    cost = read_cost(out, Training("ours", 0, 0))
    assert (cost.epochs, math.isnan(cost.gmac)) == (5, True)
    # The boxes do not reach the rim that was cut off.
    assert read_results(out)["parts"]["test"]["contestants"]["ours"]["dice"]["value"] == 1
    assert (out / "benchmark.html").is_file()


def test_a_training_of_ours_under_way_is_not_taken_in(fakes, tmp_path):
    plan, _ = run_benchmark(tmp_path / "out", SETTINGS, say=silent)
    folder = tmp_path / "out" / "vanilla" / "seed_0" / "fold_1"
    (folder / "cost.json").unlink()
    (folder / "training.json").write_text("{}")
    take_in(tmp_path / "out", plan, silent)
    assert not (folder / "cost.json").exists()


def test_slurm_scripts_are_shell_and_number_every_training(fakes, tmp_path):
    submit = write_slurm_scripts(
        tmp_path / "scripts", typed=TYPED, work=tmp_path / "out", trainings=6, device="cuda", jobs=4
    )
    scripts = {file.name: file.read_text() for file in (tmp_path / "scripts").iterdir()}
    assert set(scripts) == {"prepare.sh", "train.sh", "evaluate.sh", "submit.sh"}
    for name in scripts:
        subprocess.run(["bash", "-n", str(tmp_path / "scripts" / name)], check=True)
    assert "#SBATCH --array=0-5\n#SBATCH --gres=gpu:1\n" in scripts["train.sh"]
    assert scripts["train.sh"].endswith(
        'nnunet-multiphase benchmark -d 977 -o out --only "$SLURM_ARRAY_TASK_ID"\n'
    )
    assert scripts["prepare.sh"].endswith("nnunet-multiphase benchmark -d 977 -o out --only prepare\n")
    assert scripts["evaluate.sh"].endswith(f"benchmark -o {tmp_path / 'out'} --evaluate-only\n")
    assert f"export nnUNet_raw={fakes.root / 'nnUNet_raw'}\n" in scripts["train.sh"]
    assert submit.name == "submit.sh"


def test_submitted_jobs_wait_for_one_another(fakes, tmp_path):
    submit = write_slurm_scripts(tmp_path, typed=TYPED, work=tmp_path, trainings=1, device="cpu", jobs=1)
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "asked"}\nwc -l < {tmp_path / "asked"}\n')
    sbatch.chmod(0o755)
    subprocess.run(["bash", str(submit)], check=True, env={"PATH": f"{sbatch.parent}:/usr/bin:/bin"})
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"--parsable {tmp_path / 'prepare.sh'}",
        f"--parsable --dependency=afterok:1 {tmp_path / 'train.sh'}",
        f"--dependency=afterany:2 {tmp_path / 'evaluate.sh'}",
    ]


def test_slurm_is_told_a_folder_with_blanks_as_one_word(fakes, tmp_path):
    folder = tmp_path / "my scripts"
    write_slurm_scripts(folder, typed=TYPED, work=tmp_path, trainings=1, device="cpu", jobs=1)
    # Slurm reads its lines with a shell's quotes.
    (line,) = (line for line in (folder / "train.sh").read_text().splitlines() if "--output" in line)
    assert shlex.split(line.removeprefix("#SBATCH ")) == [f"--output={folder}/train-%A_%a.out"]


def test_slurm_is_written_and_nothing_is_run(fakes, tmp_path, monkeypatch):
    out, scripts = tmp_path / "out", tmp_path / "scripts"
    assert typed(monkeypatch, "-d", 977, "-o", out, "-f", 0, 1, "--seeds", 0, 1, "--slurm", scripts) == 0
    assert (
        f"benchmark -d 977 -o {out} -f 0 1 --seeds 0 1 --only prepare\n"
        in (scripts / "prepare.sh").read_text()
    )
    assert "--array=0-7\n" in (scripts / "train.sh").read_text()
    assert not out.exists()


def test_what_is_compared_with_whom_is_said_in_what_compares(fakes, tmp_path, monkeypatch, capsys):
    out, scripts = tmp_path / "out", tmp_path / "scripts"
    asked = ("-d", 977, "-o", out, "--against", "rigid")
    assert typed(monkeypatch, *asked, "--slurm", scripts) == 0
    evaluate = f"benchmark -o {out} --evaluate-only --against ours\n"
    assert (scripts / "evaluate.sh").read_text().endswith(evaluate)
    capsys.readouterr()
    assert typed(monkeypatch, *asked, "--print-commands") == 0
    assert capsys.readouterr().out.endswith(evaluate)


def test_trainings_done_one_by_one_are_the_whole_benchmark(fakes, tmp_path, monkeypatch, capsys):
    asked = ("-d", 977, "-o", tmp_path / "out", "--budget", "epochs=4", "-f", 0, 1)
    assert typed(monkeypatch, *asked, "--only", "prepare") == 0
    for number in (2, 0, 3, 1):
        assert typed(monkeypatch, *asked, "--only", number) == 0
    assert fakes.training.done == [f"{c}/seed_0/fold_{f}" for f in (0, 1) for c in ("ours", "vanilla")]
    assert typed(monkeypatch, *asked, "--only", 4) == 2
    assert "--only 4: expected prepare, or a number from 0 to 3" in capsys.readouterr().err
    assert typed(monkeypatch, "-o", tmp_path / "out", "--evaluate-only") == 0
    assert "3 validation cases" in capsys.readouterr().out


def test_a_training_before_its_datasets_is_refused(fakes, tmp_path, monkeypatch, capsys):
    assert typed(monkeypatch, "-d", 977, "-o", tmp_path / "out", "--only", 0) == 2
    assert "benchmark.json is missing" in capsys.readouterr().err


def test_a_dask_cluster_does_the_trainings(fakes, tmp_path, monkeypatch):
    addresses = []

    @contextmanager
    def workers(address):
        addresses.append(address)
        # The last is finished first.
        yield lambda function, items: ((i, function(items[i])) for i in reversed(range(len(items))))

    monkeypatch.setattr("nnunet_multiphase.dataset.workers.dask_workers", workers)
    fakes.training.fail.add("ours")
    said = []
    settings = replace(SETTINGS, contestants=("ours", "vanilla"), folds=(0, 1))
    _, failures = run_benchmark(tmp_path / "out", settings, dask_scheduler="tcp://host:1", say=said.append)
    assert addresses == ["tcp://host:1"]
    assert [str(failure.training) for failure in failures] == ["ours, seed 0, fold 0", "ours, seed 0, fold 1"]
    assert fakes.training.done == ["vanilla/seed_0/fold_1", "vanilla/seed_0/fold_0"]
    assert "vanilla, seed 0, fold 1: finished" in said


def test_what_a_dask_worker_is_given_can_be_sent(tmp_path):
    import pickle
    from functools import partial

    from nnunet_multiphase.benchmark.layout import Training
    from nnunet_multiphase.benchmark.run import _sentence, _silent

    task = pickle.loads(pickle.dumps(partial(_sentence, tmp_path, _silent)))
    assert "benchmark.json is missing" in task(Training("ours", 0, 0))
