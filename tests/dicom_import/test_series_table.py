"""The series table, corrected: it decides, and what it cannot mean is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_phantom import abdomen_hu, phase_series, save
from four_phases import correct, files, save_four_phases

from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow


def test_table_decides_phase_and_use(tmp_path: Path) -> None:
    save_four_phases(tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True).table
    correct(table, no1={"use": "no"}, no2={"phase": "nc"}, no4={"phase": "", "use": "no"})
    import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table)
    assert files(tmp_path / "raw" / "patient_001") == ["lesions_pv.nii.gz", "nc.nii.gz", "pv.nii.gz"]
    image = nib.load(tmp_path / "raw" / "patient_001" / "nc.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu("art"))
    with table.open(newline="", encoding="utf-8") as stream:
        row = next(row for row in csv.DictReader(stream) if row["series_number"] == "2")
    assert (row["phase"], row["why"], row["confidence"]) == ("nc", "set in the series table", "1.00")


def test_table_may_use_what_was_doubted(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", RescaleSlope=None), tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True).table
    correct(table, no1={"use": "yes"})
    assert import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table).written == ("patient_001",)


@pytest.fixture(scope="module")
def tree_with_table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write four phases and a scout, and the table that an import makes of them."""
    folder = tmp_path_factory.mktemp("impossible_table")
    tree = folder / "tree"
    save_four_phases(tree)
    save(phase_series("pv", series="scout", number=9, ImageType=["ORIGINAL", "LOCALIZER"]), tree)
    return tree, import_tree(tree, folder / "raw", dry_run=True).table


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"no1": {"phase": "pv"}}, "for the phase pv: expected one"),
        ({"no1": {"phase": "venous"}}, "expected the phase nc, art, pv, dl or nothing, found 'venous'"),
        ({"no1": {"use": "maybe"}}, "expected yes or no under use, found 'maybe'"),
        ({"no1": {"phase": ""}}, "gives no phase"),
        ({"no1": {"series": "s123"}}, "names series that are not in the tree"),
        ({"no9": {"use": "yes"}}, "which cannot be used .a scout"),
    ],
)
def test_impossible_table_is_refused(
    changes: dict[str, dict[str, str]], message: str, tree_with_table: tuple[Path, Path], tmp_path: Path
) -> None:
    tree, written = tree_with_table
    table = tmp_path / "raw_series.csv"
    table.write_bytes(written.read_bytes())
    correct(table, **changes)
    with pytest.raises(InputError, match=message):
        import_tree(tree, tmp_path / "raw", series_table=table)
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_table_is_read_whatever_separates_its_cells(delimiter: str, tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True).table
    with table.open(newline="", encoding="utf-8") as stream:
        key = next(csv.DictReader(stream))["series"]
    text = f"series,phase,use\n{key},art,yes\n".replace(",", delimiter)
    table.write_text(text, encoding="utf-8-sig")
    import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table)
    assert files(tmp_path / "raw" / "patient_001") == ["art.nii.gz"]


def test_corrected_table_is_not_lost_when_the_option_is_forgotten(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True).table
    correct(table, no1={"phase": "dl"})
    corrected = table.read_bytes()
    summary = import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True)
    assert summary.previous_table is not None
    assert summary.previous_table.read_bytes() == corrected


def test_dry_run_writes_the_tables_only(tmp_path: Path) -> None:
    save_four_phases(tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw", dry_run=True)
    written = ["raw_masks.csv", "raw_series.csv", "raw_series.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*written, "tree"]


def test_case_that_lost_its_series_leaves_the_cohort(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw").table
    correct(table, no1={"use": "no"})
    summary = import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table)
    assert "removed" in summary.failures[0]
    assert files(tmp_path / "raw") == ["patients.csv"]
