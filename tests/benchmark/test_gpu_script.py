"""The comparison on a GPU runs: its shell script, in miniature, on a CPU."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONTESTANTS = ["ours", "undilated", "resenc_m"]  # each of our kinds and of nnU-Net's is trained alike


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    done = subprocess.run(
        [
            *("bash", ROOT / "benchmarks/gpu.sh", folder, "--device", "cpu", "--miniature"),
            *("--contestants", *CONTESTANTS),
        ],
        env=os.environ | {"PYTHON": sys.executable, "WHEELS": str(folder / "none"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_contestant_is_timed_and_trained(out):
    content = json.loads((out / "gpu.json").read_text())
    timed = [line for line in content["steps"] if "s_per_step" in line]
    assert [line["contestant"] for line in timed] == CONTESTANTS, content["steps"]
    assert all(line["s_per_step"] > 0 and line["peak_mib"] > 0 for line in timed)
    trained = content["trainings"]
    assert [line["contestant"] for line in trained] == CONTESTANTS
    assert all(line["steps"] >= 1 and math.isfinite(line["loss"]) for line in trained), trained
    assert all(0 <= line["dice"] <= 1 for line in trained)
    assert all(
        math.isclose(line["dice"], sum(dices) / len(dices))
        for line in trained
        if (dices := line["dice_by_case"])
    )


def test_the_tables_hold_a_row_a_line_and_name_commit_and_device(out):
    content = json.loads((out / "gpu.json").read_text())
    page = (out / "gpu.md").read_text()
    rows = [
        row
        for row in page.splitlines()
        if row.startswith("| ") and not row.startswith(("| contestant", "| ---"))
    ]
    assert len(rows) == len(content["steps"]) + len(content["trainings"])
    assert all("| CPU |" in row for row in rows)
    assert {line["commit"] for line in content["steps"]} != {""}
