"""A tree in, a cohort out: what is written where, what is refused, and what the table does."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_phantom import (
    CORONAL,
    OBLIQUE,
    abdomen_hu,
    lesion_mask,
    make_seg,
    make_series,
    phase_series,
    save,
    uid,
)
from pydicom.uid import JPEGLSLossless

from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.cohort import find_case_folders
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom import pixels
from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES
from registration.volume_file import write_volume

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]
NAMES = {"nc": "nativ", "art": "arteriell", "pv": "portal venous", "dl": "delayed"}


def save_four_phases(tree: Path, **options: str) -> None:
    """Write four phases and the lesions drawn on pv."""
    for number, phase in enumerate(PHASES, start=1):
        slices = phase_series(phase, description=NAMES[phase], number=number, **options)
        save(slices, tree)
        if phase == "pv":
            save([make_seg(slices, {"Mass": lesion_mask()})], tree)


def correct(table: Path, **changes: dict[str, str]) -> None:
    """Change cells of a table, row by its series number."""
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row.update(changes.get(f"no{row['series_number']}", {}))
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_setup_finds_no_problem_in_what_was_imported(tmp_path: Path) -> None:
    save_four_phases(tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    (case,) = find_case_folders(tmp_path / "raw")
    assert list(check_case(case).problems) == []
    assert (case.name, case.patient, list(case.images), case.reference) == (
        "patient_001",
        "patient_001",
        list(PHASES),
        "pv",
    )


def test_setup_asks_what_to_do_with_lesions_on_several_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("nnUNet_raw", "nnUNet_preprocessed"):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(folder, str(tmp_path / folder))
    for phase in ("art", "pv"):
        slices = phase_series(phase, description=NAMES[phase])
        save([*slices, make_seg(slices, {"Mass": lesion_mask()})], tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    setup = ["setup", str(tmp_path / "raw"), "--dataset-id", "501", "--name", "Tiny", "--dry-run"]
    setup += ["--phases", "art", "pv"]
    assert main(setup) == 2
    told = capsys.readouterr().err
    assert "case patient_001: lesion masks on several phases (lesions_art.nii.gz, lesions_pv.nii.gz)" in told
    assert "or pass --several-masks merge" in told
    assert main([*setup, "--several-masks", "merge"]) == 0
    merged = "art pv*; lesions lesions_pv.nii.gz, lesions_art.nii.gz (brought from art)"
    assert merged in capsys.readouterr().out
    assert main([*setup, "--several-masks", "reference"]) == 0
    assert "art pv*; lesions lesions_pv.nii.gz\n" in capsys.readouterr().out


@pytest.mark.parametrize("phase", PHASES)
def test_voxels_are_those_of_the_dicom_files(phase: str, tmp_path: Path) -> None:
    save(phase_series(phase, description=NAMES[phase]), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / f"{phase}.nii.gz")
    # nibabel's order is (x, y, z)
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu(phase))
    assert image.get_data_dtype() == np.int16


@pytest.mark.parametrize(
    ("orientation", "position"),
    [
        # origin (-100, -80, 50); voxel x = 4, y = 7, z = 2 of 2 x 3 x 5 mm
        # axial: (-100 + 8, -80 + 21, 50 + 10)
        ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (-92.0, -59.0, 60.0)),
        # 8 (1, 0, 0) + 21 (0, 0.8, 0.6) + 10 (0, -0.6, 0.8) = (8, 10.8, 20.6)
        (OBLIQUE, (-92.0, -69.2, 70.6)),
        # 8 (0.6, 0.8, 0) + 21 (0, 0, -1) + 10 (-0.8, 0.6, 0) = (-3.2, 12.4, -21)
        ((0.6, 0.8, 0.0, 0.0, 0.0, -1.0), (-103.2, -67.6, 29.0)),
    ],
)
@pytest.mark.parametrize("instances", ["ascending", "descending"])
def test_voxel_lies_where_its_dicom_slice_lies(
    orientation: tuple[float, ...], position: tuple[float, ...], instances: str, tmp_path: Path
) -> None:
    hu = np.full((12, 32, 32), -1000)
    hu[2, 7, 4] = 777
    slices = make_series(
        hu, description="pv", orientation=orientation, origin=(-100, -80, 50), spacing_mm=(2, 3, 5)
    )
    for k, item in enumerate(slices):
        item.InstanceNumber = k if instances == "ascending" else 100 - k
    save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    index = np.argwhere(np.asarray(image.dataobj) == 777)
    assert len(index) == 1
    x, y, z, _ = image.affine @ [*index[0], 1]
    # NIfTI points left and forward where DICOM points right and backward. float32 headers: 1e-4 mm.
    assert (-x, -y, z) == pytest.approx(position, abs=1e-4)


def test_rescaling_is_applied_slice_by_slice(tmp_path: Path) -> None:
    slices = make_series(np.zeros((12, 32, 32)), description="pv")  # stored 1024
    for item, slope in zip(slices, [1, 2] * 6, strict=True):
        item.RescaleSlope = slope
    save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    assert np.unique(np.asarray(image.dataobj)[:, :, 0]).tolist() == [0]
    assert np.unique(np.asarray(image.dataobj)[:, :, 1]).tolist() == [1024]  # 2 x 1024 - 1024


def test_fractional_hu_stay_fractional(tmp_path: Path) -> None:
    save(make_series(np.zeros((12, 32, 32)), description="pv", RescaleSlope=0.50049), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    assert image.get_data_dtype() == np.float32
    # 1024 x 0.50049 - 1024, to float32's six digits
    assert float(np.asarray(image.dataobj)[0, 0, 0]) == pytest.approx(-511.49824, abs=1e-3)


def test_compressed_pixels_are_read(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    for item in slices:
        item.compress(JPEGLSLossless, generate_instance_uid=False)
    save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    image = nib.load(tmp_path / "raw" / "patient_001" / "pv.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu("pv"))


def test_series_are_found_whatever_the_folders_and_names(tmp_path: Path) -> None:
    slices = phase_series("pv", description="pv")
    save(slices[::2], tmp_path / "tree" / "a" / "b")
    save(slices[1::2], tmp_path / "tree" / "c")
    save(phase_series("art", description="art"), tmp_path / "tree" / "c")
    (tmp_path / "tree" / "c" / "readme.txt").write_text("not DICOM")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    assert files(tmp_path / "raw") == ["patient_001/art.nii.gz", "patient_001/pv.nii.gz", "patients.csv"]


def test_the_same_file_twice_is_one_slice(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree" / "one")
    save(phase_series("pv", description="pv"), tmp_path / "tree" / "copy")
    (row,) = series_rows()
    assert (row["slices"], row["use"], row["problems"]) == ("12", "yes", "12 file(s) were there twice")


def test_stacked_phases_become_two_files(tmp_path: Path) -> None:
    art = phase_series("art", series="both", description="LIVER 3 PHASE", AcquisitionNumber=1)
    pv = phase_series(
        "pv", series="both", description="LIVER 3 PHASE", AcquisitionNumber=2, first_instance=13
    )
    save([*art, *pv], tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    for phase in ("art", "pv"):
        image = nib.load(tmp_path / "raw" / "patient_001" / f"{phase}.nii.gz")
        np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(), abdomen_hu(phase))
    assert any("told apart by AcquisitionNumber" in remark for remark in summary.remarks)


@pytest.mark.parametrize(
    ("trap", "problem"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a scout (localizer)"),
        ({"Modality": "SR"}, "not CT but a report"),
        ({"Modality": "MR"}, "not CT but MR"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "a secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "a dose page"),
        ({"NumberOfFrames": 12}, "multi-frame"),
        ({"RescaleSlope": None}, "no RescaleSlope or RescaleIntercept"),
        ({"RescaleIntercept": None}, "no RescaleSlope or RescaleIntercept"),
        ({"BurnedInAnnotation": "YES"}, "burned into the picture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "a projection"),
        ({"ImagePositionPatient": None}, "without position"),
    ],
)
def test_trap_is_named_and_not_used(
    trap: dict[str, object], problem: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", description="portal venous", **trap), tmp_path / "tree")
    (row,) = series_rows()
    assert row["problems"].startswith(problem) or problem in row["problems"]
    assert row["use"] == "no"


def test_decimal_comma_in_the_pixel_spacing_is_named(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    for path in (tmp_path / "tree").iterdir():
        path.write_bytes(path.read_bytes().replace(rb"6.0\5.0", rb"6,0\5,0"))
    (row,) = series_rows()
    assert row["problems"] == (
        "slices without pixel spacing (PixelSpacing has a decimal comma, where DICOM has a point): repair the tag, or "
        "export the series again"
    )


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"PixelSpacing": None}, "slices without pixel spacing"),
        (
            {"PixelSpacing": None, "ImagerPixelSpacing": [6.0, 5.0]},
            "slices without pixel spacing (ImagerPixelSpacing is the detector's and does not stand for PixelSpacing)"
            ": repair",
        ),
        ({"PixelSpacing": [0, 5.0]}, "slices without pixel spacing (PixelSpacing is not above 0): repair"),
        (
            {"ImagePositionPatient": [1.0, 2.0]},
            "slices without position (ImagePositionPatient is not 3 numbers): repair",
        ),
        (
            {"ImagePositionPatient": None, "ImageOrientationPatient": None},
            "slices without position and orientation",
        ),
    ],
)
def test_what_places_no_slices_is_named(
    tags: dict[str, Any], problem: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", description="portal venous", **tags), tmp_path / "tree")
    (row,) = series_rows()
    assert row["problems"].startswith(problem)
    assert row["problems"] == problem or problem.endswith("repair")


def test_without_the_trap_the_series_is_used(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"], row["spacing_mm"]) == ("yes", "", "5.00x6.00x5.00")


def test_scout_image_among_the_slices_is_left_out(tmp_path: Path, series_rows: Rows) -> None:
    slices = phase_series("pv", description="pv")
    scout = phase_series("pv", first_instance=50, orientation=CORONAL, ImageType=["ORIGINAL", "LOCALIZER"])
    save([*slices, scout[0]], tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == ("yes", "1 localizer image(s) left out")


def test_gap_and_tilt_and_size_reach_the_table(tmp_path: Path, series_rows: Rows) -> None:
    gap = phase_series("nc", number=1)
    tilted = phase_series("art", number=2)
    for k, item in enumerate(tilted):
        item.ImagePositionPatient[1] += 2 * k
    sizes = phase_series("pv", number=3)
    sizes[3].Rows = 16
    save([*gap[:5], *gap[7:], *tilted, *sizes], tmp_path / "tree")
    problems = {row["series_number"]: row["problems"] for row in series_rows()}
    # atan(2 / 5) = 21.8 degrees
    assert problems["1"].startswith("missing slices: about 2 in 1 gap")
    assert problems["2"].startswith("gantry tilt: slices step 21.8 degrees off")
    assert problems["3"].startswith("slices of different size")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (
            {"description": "portal venous"},
            {"description": "portal venous", "shape": (14, 32, 32)},
            "more slices",
        ),
        (
            {"description": "pv", "spacing_mm": (5, 6, 5)},
            {"description": "pv", "spacing_mm": (5, 6, 4.9)},
            "thinner",
        ),
        ({"description": "pv", "orientation": CORONAL}, {"description": "pv"}, "axial slices"),
        ({"description": "contrast", "AcquisitionTime": None}, {"description": "pv"}, "a higher confidence"),
    ],
)
def test_of_two_series_of_one_phase_the_better_is_used(
    first: dict[str, object], second: dict[str, object], reason: str, tmp_path: Path, series_rows: Rows
) -> None:
    for number, options in enumerate((first, second), start=1):
        options = dict(options)
        hu = abdomen_hu("pv", options.pop("shape", (12, 32, 32)))  # type: ignore[arg-type]
        save(make_series(hu, series=str(number), number=number, **options), tmp_path / "tree")
    rows = {row["series_number"]: row for row in series_rows()}
    assert {number: row["use"] for number, row in rows.items()} == {"1": "no", "2": "yes"}
    assert f"same phase as {rows['2']['series']}, which has" in rows["1"]["problems"]
    assert reason in rows["1"]["problems"]


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


@pytest.mark.parametrize(("first", "second"), [("one", "other"), ("other", "one")])
def test_studies_are_cases_in_the_order_of_their_dates(first: str, second: str, tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", study=second, StudyDate="20220101"), tmp_path / "tree")
    save(phase_series("pv", description="pv", study=first, StudyDate="20200101"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    with (tmp_path / "raw_pseudonyms.csv").open(newline="") as stream:
        cases = {row["case"]: row["StudyInstanceUID"] for row in csv.DictReader(stream)}
    assert cases == {"patient_001": uid("P1", first), "patient_001_2": uid("P1", second)}


def test_studies_stay_with_their_patient(tmp_path: Path) -> None:
    for patient, study in (("P1", "one"), ("P1", "other"), ("P2", "one")):
        save(phase_series("pv", description="pv", patient=patient, study=study), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    table = (tmp_path / "raw" / "patients.csv").read_text().split()
    two = next(line for line in table if "_2," in line).split(",")[1]
    (one,) = {"patient_001", "patient_002"} - {two}
    assert table == ["case,patient", *sorted([f"{one},{one}", f"{two},{two}", f"{two}_2,{two}"])]


def test_pseudonyms_stay_when_patients_join(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", patient="P5"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    for number in range(6):
        save(phase_series("art", description="art", patient=f"P{number}"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    with (tmp_path / "raw_pseudonyms.csv").open(newline="") as stream:
        names = {row["PatientID"]: row["pseudonym"] for row in csv.DictReader(stream)}
    assert names["P5"] == "patient_001"
    assert sorted(names.values()) == [f"patient_{n:03d}" for n in range(1, 7)]
    assert files(tmp_path / "raw" / "patient_001") == ["art.nii.gz", "pv.nii.gz"]


def test_second_import_adds_to_the_first(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", patient="P1"), tmp_path / "one")
    save(phase_series("pv", description="pv", patient="P2"), tmp_path / "two")
    import_tree(tmp_path / "one", tmp_path / "raw")
    import_tree(tmp_path / "two", tmp_path / "raw")
    assert (tmp_path / "raw" / "patients.csv").read_text().split() == [
        "case,patient",
        "patient_001,patient_001",
        "patient_002,patient_002",
    ]


def test_studies_without_patient_id_are_patients_of_their_own(tmp_path: Path) -> None:
    for study in ("a", "b"):
        save(phase_series("pv", description="pv", patient="", study=study), tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ("patient_001", "patient_002")
    assert any("without PatientID" in remark for remark in summary.remarks)


def test_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"raw holds thesis\.txt, which no import wrote"):
        import_tree(tmp_path / "tree", tmp_path / "raw")
    assert files(tmp_path / "raw") == ["thesis.txt"]


def test_folder_without_its_key_file_is_refused(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    (tmp_path / "raw_pseudonyms.csv").unlink()
    with pytest.raises(InputError, match="which no import wrote according to raw_pseudonyms"):
        import_tree(tmp_path / "tree", tmp_path / "raw")


@pytest.mark.parametrize("cut", ["pixels", "file"])
def test_case_with_cut_off_pixels_fails_alone_and_whole(cut: str, tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", patient="P1"), tmp_path / "tree")
    save_four_phases(tmp_path / "tree", patient="P2")
    (broken,) = phase_series("art", patient="P2", description="arteriell", number=2)[5:6]
    if cut == "pixels":
        broken.PixelData = broken.PixelData[:100]
    save([broken], tmp_path / "tree")
    if cut == "file":
        file = tmp_path / "tree" / f"{int(str(broken.SOPInstanceUID)[-12:]):x}"
        file.write_bytes(file.read_bytes()[:-100])
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert len(summary.written) == 1
    (failure,) = summary.failures
    assert "pixels that cannot be read" in failure
    assert [path.name for path in sorted((tmp_path / "raw").iterdir())] == [*summary.written, "patients.csv"]
    assert files(tmp_path / "raw" / summary.written[0]) == ["pv.nii.gz"]


def test_damaged_header_is_counted(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (tmp_path / "tree" / "cut").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\xff")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    (failure,) = summary.failures
    assert failure.startswith("1 DICOM file(s) are damaged")
    assert summary.written == ("patient_001",)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is not a folder"), ("text", "holds no DICOM image: expected CT series")]
)
def test_tree_without_dicom_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "note.dcm").write_text(content)
    with pytest.raises(InputError, match=message):
        import_tree(tmp_path / "tree", tmp_path / "raw")
    assert not (tmp_path / "raw_series.csv").exists()


def test_study_without_ct_is_no_failure_but_one_without_usable_ct_is(tmp_path: Path) -> None:
    save(phase_series("pv", patient="P1", Modality="MR"), tmp_path / "tree")
    save(phase_series("pv", patient="P2")[::2], tmp_path / "tree")  # 6 slices
    gap = phase_series("pv", patient="P3")
    save([*gap[:6], *gap[7:]], tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert len(summary.failures) == 2
    assert sum("no CT images" in remark for remark in summary.remarks) == 1


def test_case_that_lost_its_series_leaves_the_cohort(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    table = import_tree(tmp_path / "tree", tmp_path / "raw").table
    correct(table, no1={"use": "no"})
    summary = import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table)
    assert "removed" in summary.failures[0]
    assert files(tmp_path / "raw") == ["patients.csv"]


def test_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    for out in ("raw", "raw2"):
        save_four_phases(tmp_path / f"tree_{out}")
        import_tree(tmp_path / f"tree_{out}", tmp_path / out)
    assert files(tmp_path / "raw") == files(tmp_path / "raw2")
    for file in [f"raw/{name}" for name in files(tmp_path / "raw")] + ["raw_series.csv"]:
        other = tmp_path / file.replace("raw", "raw2", 1)
        assert (tmp_path / file).read_bytes() == other.read_bytes()


def test_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnunet_multiphase.dicom.extra.find_spec", lambda name: None)
    assert main(["import-dicom", str(tmp_path), str(tmp_path / "raw")]) == 2
    assert 'pip install "nnunet-multiphase[dicom]"' in capsys.readouterr().err


def test_command_tells_tables_and_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gap = phase_series("pv")
    save([*gap[:6], *gap[7:]], tmp_path / "tree")
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw")]) == 1
    told = capsys.readouterr()
    assert "missing slices: about 1 in 1 gap" in told.err
    assert "error: case patient_001: no series can be used" in told.err
    assert f"--series-table {tmp_path / 'raw_series.csv'}" in told.out


def test_stopped_import_leaves_whole_cases_and_says_whose_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patient in ("P1", "P2"):
        save_four_phases(tmp_path / "tree", patient=patient)
    written = []

    def stop_in_the_second_case(image: sitk.Image, path: Path) -> None:
        written.append(path)
        if len(written) == 7:
            raise KeyboardInterrupt
        write_volume(image, path)

    monkeypatch.setattr("nnunet_multiphase.dicom_import.case_writer.write_volume", stop_in_the_second_case)
    with pytest.raises(KeyboardInterrupt):
        import_tree(tmp_path / "tree", tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["patient_001", "patients.csv"]
    assert (tmp_path / "raw" / "patients.csv").read_text().split() == [
        "case,patient",
        "patient_001,patient_001",
    ]


def test_a_case_is_there_wherever_its_replacement_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    files = {path.name: path.read_bytes() for path in (tmp_path / "raw" / "patient_001").iterdir()}
    plain = Path.rename

    def fail_at_its_place(path: Path, target: Path) -> Path:
        if Path(target).name == "patient_001" and path.name.endswith(".partial"):
            raise OSError("no space left")
        return plain(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_at_its_place)
        with pytest.raises(OSError, match="no space left"):
            import_tree(tmp_path / "tree", tmp_path / "raw")
    assert {path.name: path.read_bytes() for path in (tmp_path / "raw" / "patient_001").iterdir()} == files


def test_a_case_that_a_killed_import_had_put_aside_is_taken_back(tmp_path: Path) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    case = tmp_path / "raw" / "patient_001"
    files = {path.name: path.read_bytes() for path in case.iterdir()}
    case.rename(case.with_name(".patient_001.old"))
    save(phase_series("pv", patient="another", study="2", description="portal venous"), tmp_path / "second")
    import_tree(tmp_path / "second", tmp_path / "raw")
    assert {path.name: path.read_bytes() for path in case.iterdir()} == files
    assert not list(case.parent.glob(".*"))


def test_an_image_that_is_exchanged_after_its_header_was_read_costs_its_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another patient, as where a queue's folder is filled while it is imported."""
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    save(phase_series("pv", patient="P2", study="2", description="portal venous"), tmp_path / "other")
    plain = pixels.read_hu

    def exchange_and_read(*arguments: object) -> object:
        for mine, theirs in zip(
            sorted((tmp_path / "tree").iterdir()), sorted((tmp_path / "other").iterdir()), strict=True
        ):
            mine.write_bytes(theirs.read_bytes())
        return plain(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("nnunet_multiphase.dicom_import.case_writer.read_hu", exchange_and_read)
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ()
    assert "are others than when the headers were read" in summary.failures[0]
    assert not (tmp_path / "raw" / "patient_001").exists()


def test_a_second_import_into_the_same_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    told: list[str] = []

    def import_again(line: str) -> None:
        if not told:
            with pytest.raises(InputError, match="by another import right now") as refusal:
                import_tree(tmp_path / "tree", tmp_path / "raw")
            told.append(str(refusal.value))

    import_tree(tmp_path / "tree", tmp_path / "raw", say=import_again)
    assert told
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
