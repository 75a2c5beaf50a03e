"""How phases may be moved: asked for when a dataset is made, told by its model when a patient is predicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from built_dataset import build
from tiny_phases import QUICK, phase_image, write_case

from nnunet_multiphase.alignment.align import align_phases
from nnunet_multiphase.alignment.quality import measure_phase
from nnunet_multiphase.cli.motion import MODELS
from registration import RegistrationSettings
from registration.settings import Deformation

pytestmark = pytest.mark.slow


def test_setup_hands_the_model_on(
    tmp_path: Path,
    setup_command: Callable[..., tuple[int, str]],
    nnunet_folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nnunet_multiphase.dataset import build as dataset
    from nnunet_multiphase.errors import InputError

    asked = []

    def refuse(*_: object, settings: RegistrationSettings, **__: object) -> None:
        asked.append(settings.model)
        raise InputError("enough")

    monkeypatch.setattr(dataset, "build_dataset", refuse)
    for options in ([], *(["--registration-model", model] for model in MODELS)):
        assert setup_command(tmp_path, *options)[0] == 2
    assert asked == ["rigid", *MODELS]


def test_a_dataset_records_its_model_and_what_was_deformed(tmp_path: Path) -> None:
    write_case(tmp_path / "cohort" / "case_1")
    made = build(tmp_path / "cohort", tmp_path, settings=replace(QUICK, model="auto"), test_fraction=0.0)
    assert made.record["registration"]["model"] == "auto"
    # Nothing bends in this phantom; the reference is not registered.
    assert {row["phase"]: row["deformed"] for row in made.quality} == {"nc": "no", "art": "", "pv": "no"}


def test_predict_moves_phases_as_the_training_data_were() -> None:
    from nnunet_multiphase.prediction import trained_registration

    def told(record: dict[str, object]) -> str:
        return trained_registration(SimpleNamespace(record=record))["settings"].model  # type: ignore[arg-type]

    assert told({"registration": {"model": "auto"}}) == "auto"
    assert told({}) == "rigid"


def test_python_moves_phases_as_the_training_data_were(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunet_multiphase.prediction import case

    asked: list[object] = []
    monkeypatch.setattr(case, "prepare_case", lambda *_, **options: asked.append(options["settings"]))
    model: Any = SimpleNamespace(record={"phases": ["art", "pv"], "registration": {"model": "deformable"}})
    case.prepare_for(model, Path("case"))
    case.prepare_for(model, Path("case"), settings=QUICK)
    assert asked == [RegistrationSettings(model="deformable"), QUICK]


def test_motion_is_told_by_the_rigid_part() -> None:
    images = {phase: phase_image(phase, seed=seed) for seed, phase in enumerate(("art", "pv"))}
    aligned = align_phases(images, "art", settings=QUICK)
    found = aligned.results["pv"]
    bent = sitk.CompositeTransform([found.rigid, sitk.TranslationTransform(3, (50.0, 0.0, 0.0))])
    aligned.results["pv"] = replace(found, transform=bent, deformation=Deformation(True, ""))
    row = measure_phase(aligned, "pv", case="a", patient="a", split="train", centre_mm=np.zeros(3))
    assert row.deformed == "yes"
    assert row.shift_mm is not None
    assert row.shift_mm < 5.0  # nothing moved in this phantom
