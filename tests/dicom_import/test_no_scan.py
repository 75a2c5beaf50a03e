"""A mask or map that was stored as a series of CT images is no phase, whatever it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import SHAPE, abdomen_hu, lesion_mask, make_series, phase_series, save

from nnunet_multiphase.dicom.no_hu import LABEL_MAP, NOTHING_BELOW_0, no_hu

Rows = Callable[..., list[dict[str, str]]]


def labels(*values: float) -> np.ndarray:
    """Make a label map of horizontal bands; (z, y, x)."""
    return np.broadcast_to(np.array(values)[np.arange(SHAPE[1]) % len(values)][:, None], SHAPE)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (labels(0, 1), LABEL_MAP),
        (labels(0, 255), LABEL_MAP),
        (labels(-1024, -1023), LABEL_MAP),  # with the scan's header
        (labels(-1000, 777), LABEL_MAP),
        (labels(0, 1, 2, 3), LABEL_MAP),
        (labels(*range(14)), LABEL_MAP),
        (labels(-1024, 1, 2, 3), LABEL_MAP),  # the background was called padding
        (labels(0, 205, 420, 500, 820), NOTHING_BELOW_0),
        (np.random.default_rng(0).uniform(0, 1, SHAPE), NOTHING_BELOW_0),  # a probability
        (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 4000, NOTHING_BELOW_0),  # an intercept that was lost
        (np.full(SHAPE, -1000), ""),
        (abdomen_hu("pv"), ""),
        (np.random.default_rng(0).normal(40, 60, SHAPE).round().clip(-160, 240), ""),  # a window
    ],
)
def test_values_of_no_scan_are_known(values: np.ndarray, reason: str) -> None:
    assert no_hu(values) == reason


@pytest.mark.parametrize(("number", "intercept"), [(0, 0), (9, -1024)])
def test_a_mask_under_a_phases_name_does_not_take_its_place(
    number: int, intercept: int, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("nc", description="nativ", number=1), tmp_path / "tree")
    save(phase_series("pv", description="portal venous", number=2), tmp_path / "tree")
    mask = lesion_mask().astype(int) - 1024  # stored as 0 and 1
    named = {"series": "mask", "description": "portal venous label", "number": number}
    save(make_series(mask, RescaleIntercept=intercept, **named), tmp_path / "tree")
    rows = {row["series_number"]: row for row in series_rows()}
    assert (rows["1"]["use"], rows["2"]["use"], rows[str(number)]["use"]) == ("yes", "yes", "no")
    assert (rows["1"]["problems"], rows["2"]["problems"]) == ("", "")
    assert LABEL_MAP in rows[str(number)]["problems"]


def test_a_mask_alone_under_a_phases_name_is_no_phase(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("nc", description="nativ", number=1), tmp_path / "tree")
    mask = lesion_mask().astype(int) - 1024
    named = {"series": "mask", "description": "portal venous segmentation", "number": 2}
    save(make_series(mask, RescaleIntercept=0, **named), tmp_path / "tree")
    assert [(row["series_number"], row["use"]) for row in series_rows()] == [("1", "yes"), ("2", "no")]
