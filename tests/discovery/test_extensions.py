"""The package of docs/extending.md is installed, and its preset and its measure are found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunet_multiphase import extensions
from nnunet_multiphase.errors import InputError

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json
import numpy as np, SimpleITK as sitk
import nnunet_multiphase as mp
from nnunet_multiphase.cases.presets import all_presets
from nnunet_multiphase.measurement.table import columns

z, y, x = np.ogrid[-20:21, -20:21, -20:21]
ball = sitk.GetImageFromArray((z**2 + y**2 + x**2 <= 15**2).astype(np.uint8))
(lesion,) = mp.lesion_table(ball).lesions
print(json.dumps([all_presets()["our-hospital"].image, columns(["pv"])[-1], lesion.added]))
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
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_an_added_preset_is_found(answer: Any) -> None:
    assert answer[0] == "{case}/{phase}.nii.gz"


def test_an_added_measure_has_a_column(answer: Any) -> None:
    assert answer[1] == "added_sphericity"


def test_an_added_measure_measures(answer: Any) -> None:
    # 1 for a perfect sphere; the faceted surface of a ball of voxels is some per cent larger
    assert 0.9 < answer[2]["sphericity"] < 1.02


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
