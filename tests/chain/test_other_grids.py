"""The labels on the other phases' own grids, and the phase that they are found on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.prediction import PreparedCase, prepare, prepare_case, usual_reference
from nnunet_multiphase.prediction.other_grids import labels_on_phases
from nnunet_multiphase.volumes.orientation import stored_grid, turned, upright

SHIFT_MM = (6.0, -4.0, 9.0)


def volume(
    size: tuple[int, int, int], spacing_mm: tuple[float, float, float], origin_mm: tuple
) -> sitk.Image:
    image = sitk.Image(size, sitk.sitkInt16)
    image.SetSpacing(spacing_mm)
    image.SetOrigin(origin_mm)
    return image


def prepared(verdict: str) -> PreparedCase:
    """A reference and a portal venous phase stored as RAS, whose anatomy lies SHIFT_MM further."""
    reference = volume((40, 40, 20), (2.0, 2.0, 3.0), (-40.0, -40.0, 0.0))
    moving = turned(volume((30, 34, 16), (2.5, 2.5, 4.0), (-32.3, -45.4, 5.2)), "RAS")
    images = {"art": reference, "pv": moving}
    upright_images = {phase: upright(image) for phase, image in images.items()}
    motion = sitk.TranslationTransform(3, SHIFT_MM)
    result = SimpleNamespace(rigid=motion, transform=motion, deformation=None, verdict=verdict)
    box = ((0, 0, 0), reference.GetSize())
    aligned = AlignedPhases(
        "art",
        upright_images,
        {"art": sitk.Euler3DTransform(), "pv": motion},
        {"pv": result},  # type: ignore[dict-item]
        box,
        reference.GetSize(),
        1.0,
    )
    case = CaseFolder("a", Path(), "a", {}, "art", None, None)
    stored = {phase: stored_grid(image) for phase, image in images.items()}
    return PreparedCase(case, ("art", "pv"), (), upright_images, stored, None, aligned)


def test_labels_lie_where_the_anatomy_lies_on_the_other_phase() -> None:
    case = prepared("ok")
    values = np.zeros((20, 40, 40), np.uint8)
    values[5:12, 10:25, 12:30] = 2
    whole = sitk.GetImageFromArray(values)
    whole.CopyInformation(case.images["art"])
    (found,) = labels_on_phases(case, whole).values()
    assert found.GetDirection() == case.stored["pv"].direction
    assert found.GetOrigin() == case.stored["pv"].origin_mm
    expected = np.zeros(found.GetSize()[::-1], np.uint8)
    for index in np.ndindex(*found.GetSize()):
        place = np.subtract(found.TransformIndexToPhysicalPoint(index), SHIFT_MM)
        x, y, z = np.rint((place - (-40.0, -40.0, 0.0)) / (2.0, 2.0, 3.0)).astype(int)
        if 12 <= x < 30 and 10 <= y < 25 and 5 <= z < 12:
            expected[index[::-1]] = 2
    assert expected.sum() > 500
    assert np.array_equal(sitk.GetArrayFromImage(found), expected)


def test_a_phase_whose_registration_failed_gets_no_labels() -> None:
    case = prepared("failed")
    assert labels_on_phases(case, sitk.Cast(case.images["art"], sitk.sitkUInt8)) == {}


@pytest.mark.parametrize(
    ("references", "usual"),
    [
        ({"a": "art", "b": "pv", "c": "art"}, "art"),
        ({"a": "pv", "b": "art"}, "art"),  # a draw: by the order of the phases
        ({}, None),
    ],
)
def test_the_usual_reference_is_that_of_most_training_cases(references: dict, usual: str | None) -> None:
    assert usual_reference(SimpleNamespace(record={"reference_phase": references})) == usual  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "channels", "usual", "reference"),
    [
        (("nc", "art", "pv"), ("nc", "art", "pv"), "art", "art"),
        (("nc", "pv"), ("nc", "art", "pv"), "art", "pv"),  # not there: the best there is
        (("nc", "art", "pv"), ("nc", "art"), None, "art"),  # pv is none of the model's
        (("nc", "art", "pv", "liver_nc"), ("nc", "art", "pv"), "art", "nc"),  # the mask decides
    ],
)
def test_the_reference_is_the_models_usual_phase_where_no_mask_decides(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[str, ...],
    channels: tuple[str, ...],
    usual: str | None,
    reference: str,
) -> None:
    chosen: list[str] = []

    def look(case: CaseFolder, accept: object, *, read: object) -> SimpleNamespace:
        chosen.append(case.reference)
        return SimpleNamespace(problems=["seen enough"])

    monkeypatch.setattr(prepare, "check_case", look)
    for name in files:
        (tmp_path / f"{name}.nii.gz").touch()
    with pytest.raises(InputError, match="seen enough"):
        prepare_case(tmp_path, channels, usual_reference=usual, missing="fill")
    assert chosen[0] == reference  # then phases that are not used, by themselves
