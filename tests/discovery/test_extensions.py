"""The package of docs/extending.md is installed, and its preset, its measure and its registration are found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnunet_multiphase import extensions
from nnunet_multiphase.errors import InputError

ROOT = Path(__file__).parents[2]

PROGRAM = """
import contextlib, json, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np, SimpleITK as sitk
import nnunet_multiphase as mp
from nnunet_multiphase.alignment.align import align_phases
from nnunet_multiphase.cases.presets import all_presets
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.measurement.table import columns
from nnunet_multiphase.prediction import trained_registration
from tiny_phases import QUICK, write_case

z, y, x = np.ogrid[-20:21, -20:21, -20:21]
ball = sitk.GetImageFromArray((z**2 + y**2 + x**2 <= 15**2).astype(np.uint8))
(lesion,) = mp.lesion_table(ball).lesions
for number in (1, 2):
    write_case(Path("raw") / f"case_{number}", phases=("art", "pv"), seed=number)
phases = {phase: sitk.ReadImage(f"raw/case_1/{phase}.nii.gz") for phase in ("art", "pv")}
middles = [
    align_phases(phases, "art", settings=QUICK, find=find).transforms["pv"].TransformPoint((0.0, 0.0, 0.0))
    for find in (None, "our-refined")
]
options = "--dataset-id 501 --name Refined --phases art pv --test-fraction 0 --folds 2 --jobs 2".split()
with contextlib.redirect_stdout(sys.stderr):
    assert main(["setup", "raw", *options, "--registration-model", "our-refined"]) == 0
record = json.loads(Path("nnUNet_raw/Dataset501_Refined/dataset.json").read_text())
how = trained_registration(SimpleNamespace(record=record))
print(
    json.dumps(
        {
            "preset": all_presets()["our-hospital"].image,
            "column": columns(["pv"])[-1],
            "added": lesion.added,
            "middles": middles,
            "registration": record["registration"],
            "predict": how["find"],
        }
    )
)
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Install the page's package into a folder of its own, and ask an interpreter that sees it."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name, language in (("pyproject.toml", "toml"), ("our_hospital.py", "py")):
        (text,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        (source / name).write_text(text, encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*pip, "--target", str(site), str(source)], check=True)
    place = tmp_path_factory.mktemp("place")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (site, ROOT, ROOT / "tests")))}
    for name in ("nnUNet_raw", "nnUNet_preprocessed"):
        (place / name).mkdir()
        environment[name] = str(place / name)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=place,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_an_added_preset_is_found(answer: Any) -> None:
    assert answer["preset"] == "{case}/{phase}.nii.gz"


def test_an_added_measure_has_a_column(answer: Any) -> None:
    assert answer["column"] == "added_sphericity"


def test_an_added_measure_measures(answer: Any) -> None:
    # 1 for a perfect sphere; the faceted surface of a ball of voxels is some per cent larger
    assert 0.9 < answer["added"]["sphericity"] < 1.02


def test_an_added_registration_registers(answer: Any) -> None:
    ours, refined = np.array(answer["middles"])
    assert 0 < np.linalg.norm(refined - ours) < 2  # the example goes on from ours


def test_predict_registers_by_what_was_added(answer: Any) -> None:
    assert answer["registration"] == {"method": "our-refined"}
    assert answer["predict"] == "our-refined"


def test_nothing_is_added_here() -> None:
    assert extensions.added(extensions.LESION_MEASURES) == {}


def found(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    extensions.added.cache_clear()
    monkeypatch.setattr(extensions, "entry_points", lambda group: [p for p in points if p.group == group])


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    extensions.added.cache_clear()


def point(name: str, value: str, group: str = extensions.PRESETS) -> EntryPoint:
    return EntryPoint(name, value, group)


def test_a_registration_that_is_not_installed_is_not_replaced_by_ours() -> None:
    from nnunet_multiphase.prediction import trained_registration

    model: Any = SimpleNamespace(record={"registration": {"method": "our-refined"}})
    with pytest.raises(
        InputError, match=r"registered by our-refined, which no installed package adds; install"
    ):
        trained_registration(model)


@pytest.mark.parametrize("command", ["setup raw --dataset-id 501 --name A", "predict case -m model -o out"])
def test_an_unknown_registration_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from nnunet_multiphase.cli.main import main

    with pytest.raises(SystemExit, match="2"):
        main([*command.split(), "--registration-model", "elastic"])
    assert "invalid choice: 'elastic' (choose from rigid, deformable, auto)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("math:sqrt", r"case a, phase pv: .* the registration odd failed \(TypeError"),
        (
            "unittest.mock:Mock",
            r"case a, phase pv: .* the registration odd returned a Mock, not a RegistrationResult",
        ),
    ],
)
def test_a_registration_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    from tiny_phases import phase_image

    from nnunet_multiphase.alignment.align import align_phases

    found(monkeypatch, point("odd", value, extensions.REGISTRATIONS))
    phases = {"art": phase_image("art"), "pv": phase_image("pv")}
    with pytest.raises(InputError, match=problem):
        align_phases(phases, "art", case="a", find="odd")


def test_a_preset_of_our_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunet_multiphase.cases.presets import all_presets

    found(monkeypatch, point("waw-tace", "os:sep"))
    with pytest.raises(InputError, match=r"os:sep adds waw-tace .* a name that is taken"):
        all_presets()


def test_a_preset_that_is_no_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunet_multiphase.cases.presets import all_presets

    found(monkeypatch, point("ours", "os:sep"))
    with pytest.raises(InputError, match=r"the preset ours.*is no Layout"):
        all_presets()


def test_what_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, point("ours", "no_such_module:x"))
    with pytest.raises(InputError, match="no_such_module:x cannot be loaded"):
        extensions.added(extensions.PRESETS)


def test_a_measure_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunet_multiphase.measurement.further import further_measures

    found(monkeypatch, point("odd", "math:sqrt", extensions.LESION_MEASURES))
    with pytest.raises(InputError, match=r"the measure odd.*failed"):
        further_measures(np.ones((1, 1, 1), bool), {}, (1.0, 1.0, 1.0))
