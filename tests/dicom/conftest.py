"""What the DICOM tests share: an import that is looked at through its series table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("pydicom") is None or find_spec("highdicom") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def series_rows(tmp_path: Path) -> Callable[..., list[dict[str, str]]]:
    """Import tmp_path/tree to tmp_path/raw without writing cases, and give the rows of the series table."""
    from nnunet_multiphase.dicom.import_tree import import_tree

    def rows(**options: object) -> list[dict[str, str]]:
        summary = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True, **options)  # type: ignore[arg-type]
        with summary.table.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    return rows
