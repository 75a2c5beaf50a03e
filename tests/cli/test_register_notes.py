"""`register` says of both volumes what setup would refuse, and writes it into its JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from torso import image_of, torso_hu

from nnunet_multiphase.cli.register import _judge
from registration.__main__ import _notes

REFERENCE, MOVING = Path("pv.nii.gz"), Path("art.nii.gz")


def told(change: object = None, accept: tuple[str, ...] = ()) -> list[str]:
    moving = image_of(torso_hu(seed=1) if change is None else change(torso_hu(seed=1)))  # type: ignore[operator]
    return _notes({REFERENCE: image_of(torso_hu()), MOVING: moving}, accept, _judge)


def test_two_phases_of_one_patient_are_no_reason_for_a_word() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda hu: hu + 1024, "the rescale intercept (mostly -1024) is missing"),
        (lambda hu: -hu, "the values are negated"),
        (lambda hu: hu / 2, "rescale intercept or slope are wrong"),
        (lambda hu: np.clip((hu + 160) / 400 * 255, 0, 255), "a window of grey values"),
    ],
    ids=["offset", "negated", "half", "window"],
)
def test_values_that_setup_refuses_are_told_in_its_words(change: object, said: str) -> None:
    (note,) = told(change)
    assert note.startswith("art.nii.gz holds ")
    assert said in note
    assert "--accept" not in note  # of what is no refusal


def test_a_copy_of_a_volume_is_told() -> None:
    image = image_of(torso_hu())
    assert "pv.nii.gz and art.nii.gz hold the same voxels" in _judge({REFERENCE: image, MOVING: image}, ())[0]


def test_notes_come_into_the_json(monkeypatch: pytest.MonkeyPatch) -> None:
    import registration.__main__ as module

    monkeypatch.setattr(module, "asdict", lambda _: {})
    rigid = sitk.Euler3DTransform()
    options = argparse.Namespace(reference=REFERENCE, moving=MOVING, reference_mask=None, seed=0)
    result = SimpleNamespace(
        **dict.fromkeys(
            (
                "region",
                "motion_of",
                "expected_error_mm",
                "verdict",
                "evidence",
                "deformation",
                "similarity_before",
            )
        ),
        **dict.fromkeys(("similarity_after", "overlap", "seconds", "evaluations")),
        reasons=(),
        rigid=rigid,
        swarm_trace=(),
    )
    assert module.summary(options, result, ["padded"])["notes"] == ["padded"]  # type: ignore[arg-type]
