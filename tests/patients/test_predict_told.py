"""What a prediction's warnings become in its DICOM results, and when these are partial."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from dicom_results import no_lesion, two_measured

from nnunet_multiphase.alignment.align import AlignedPhases
from nnunet_multiphase.models.identity import Identity
from nnunet_multiphase.patients.dicom_results import told_of
from nnunet_multiphase.prediction.window import Window
from nnunet_multiphase.prediction.write import CasePrediction

MODEL = Identity("our_model", "Dataset501", "T", None, None, ("0",), False, 0.5, "onnx")


def prediction(
    *, verdict: str = "ok", slices: int = 20, error_mm: float = 3.0, **fields: object
) -> CasePrediction:
    """Make one of a reference of 20 slices; the registered phases show so many of them."""
    result = SimpleNamespace(verdict=verdict, region="mask", reasons=(), expected_error_mm=error_mm)
    aligned = AlignedPhases(
        "pv",
        {},
        {},
        {"art": result},  # type: ignore[dict-item]
        ((0, 0, 0), (10, 10, slices)),
        (10, 10, 20),
        slices / 20,
    )
    made = CasePrediction("one", Path("one.nii.gz"), Path("one.csv"), no_lesion(), None, aligned, (), ())
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_plain_case_tells_its_model_alone() -> None:
    told = told_of(prediction(model=MODEL))
    assert (told.warnings, told.lacking) == ((), ())
    assert told.model.startswith("our_model (Dataset501, T), fold 0")


@pytest.mark.parametrize(
    ("fields", "warning", "lacking"),
    [
        (
            {"verdict": "failed", "warnings": ("art: registration failed: far off",)},
            "FAILED: Arterial phase: registration failed: far off. Nobody knows where it lies",
            ("failed: art",),
        ),
        (
            {"verdict": "check", "warnings": ("art: registration check: edges differ",)},
            "CHECK: Arterial phase: registration check: edges differ. In nine of ten",
            (),
        ),
        (
            {
                "verdict": "check",
                "error_mm": math.nan,
                "warnings": ("art: registration check: edges differ",),
            },
            "CHECK: Arterial phase: registration check: edges differ. Nobody measured how far off it may be.",
            (),
        ),
        (
            {
                "verdict": "failed",
                "error_mm": math.nan,
                "warnings": ("art: registration failed: far off",),
            },
            "FAILED: Arterial phase: registration failed: far off. Nobody knows where it lies: nothing was measured",
            ("failed: art",),
        ),
        ({"filled": ("dl",)}, "CHECK: Lacking: delayed: the model was shown air", ("lacking: dl",)),
        (
            {"slices": 11},
            "Not looked at: 45 % of the portal venous volume lies beyond what all phases show",
            ("45 % not seen",),
        ),
        ({"slices": 19}, "Not looked at: 5 %", ("5 % not seen",)),
        ({"accepted": ("case one: odd HU",)}, "CHECK: Accepted although implausible: odd HU", ()),
        (
            {"window": Window(((0, 0, 0), (9, 9, 9)), True, 0.4)},
            "Where was looked: only about the liver that was found, in 40 %",
            (),
        ),
        ({"remarks": ("no liver is known",)}, "CHECK: Before you read on: no liver is known.", ()),
    ],
)
def test_what_the_page_warns_of_is_told(fields: dict, warning: str, lacking: tuple[str, ...]) -> None:
    told = told_of(prediction(**fields))
    assert [text for text in told.warnings if text.startswith(warning)]
    assert told.lacking == lacking


def test_lesions_that_are_cut_off_make_it_partial() -> None:
    first, *others = two_measured().lesions
    measures = replace(two_measured(), lesions=(replace(first, cut_off=("window",)), *others))
    assert told_of(prediction(measures=measures)).lacking == ("1 cut off",)
