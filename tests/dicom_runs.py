"""Fixtures: `predict` with a stand-in for the network, and an import that is looked at through its series table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[object]]]:
    """Run `predict` into tmp_path/out with a stand-in for the network: its exit status, and the cases it was given.

    Of a case folder it finds the two lesions of `dicom_results.py` on pv. `prepare` stands for the check of a case.
    """
    import SimpleITK as sitk
    from dicom_results import two_lesions, two_measured

    from nnunet_multiphase import prediction
    from nnunet_multiphase.cli.main import main
    from nnunet_multiphase.patients.shared_volumes import SharedVolumes

    def run(
        *arguments: object, output: Path = tmp_path / "out", prepare: Callable[[Any], Any] = lambda case: case
    ) -> tuple[int, list[object]]:
        seen: list[object] = []

        def stand_in(_model: object, case: Any, output: Path, **_: object) -> SimpleNamespace:
            seen.append(case)
            segmentation = output / f"{case.name}.nii.gz"
            output.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(two_lesions() > 0, str(segmentation))
            return SimpleNamespace(
                case=case.name,
                segmentation=segmentation,
                measures=replace(two_measured(), case=case.name),
                aligned=SimpleNamespace(
                    reference="pv",
                    results={},
                    images={},
                    not_trusted={},
                    full_size=(1, 1, 1),
                    box=((0, 0, 0), (1, 1, 1)),
                    covered_fraction=1.0,
                ),
                window=None,
                warnings=(),
                accepted=(),
                remarks=("no liver is known",),
                filled=(),
                model=None,
            )

        model = SimpleNamespace(record={"labels": {"background": 0, "lesion": 1}})
        monkeypatch.setattr(prediction, "load_for_runtime", lambda *_, **__: model)
        monkeypatch.setattr(prediction, "prepare_for", lambda _model, case, **_: prepare(case))
        monkeypatch.setattr(SharedVolumes, "told", lambda _, case: case)  # of a case that nobody prepared
        monkeypatch.setattr(prediction, "predict_case", stand_in)
        monkeypatch.setattr(prediction, "prediction_summary", lambda _: "done")
        status = main(["predict", *map(str, arguments), "-m", str(tmp_path), "-o", str(output)])
        return status, seen

    return run


@pytest.fixture
def series_rows(tmp_path: Path) -> Callable[..., list[dict[str, str]]]:
    """Import tmp_path/tree to tmp_path/raw without writing cases, and give the rows of the series table."""
    from nnunet_multiphase.dicom_import.import_tree import import_tree

    def rows(**options: object) -> list[dict[str, str]]:
        summary = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True, **options)  # type: ignore[arg-type]
        with summary.table.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    return rows


def by_number(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Find a series table's rows by their series' numbers."""
    return {row["series_number"]: row for row in rows}
