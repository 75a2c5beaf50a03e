"""Files of one SeriesInstanceUID that hold several volumes or stray images: what the series table says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from dicom_phantom import CORONAL, ORIGIN_MM, SHAPE, START, abdomen_hu, make_series, save
from pydicom.dataset import FileDataset

from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.phases import PHASES

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]


def one_series(phase: str, shape: tuple[int, int, int] = SHAPE, **options: Any) -> list[FileDataset]:
    """Make a phase within the one series."""
    return make_series(abdomen_hu(phase, shape), **{"series": "one", "start": START[phase], **options})


def used(rows: list[dict[str, str]]) -> dict[str, int]:
    return {row["phase"]: int(row["slices"]) for row in rows if row["use"] == "yes"}


def test_four_phases_of_different_slice_counts_and_a_scout(tmp_path: Path, series_rows: Rows) -> None:
    scout = one_series("nc", orientation=CORONAL, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])[:1]
    tree = scout
    for number, (phase, count, step, shift) in enumerate(
        (("nc", 12, 5.0, 0), ("art", 24, 2.5, 0), ("pv", 30, 2.5, -10), ("dl", 24, 2.5, 1)), start=2
    ):
        tree += one_series(
            phase,
            shape=(count, 32, 32),
            first_instance=100 * number,
            spacing_mm=(5, 6, step),
            origin=(ORIGIN_MM[0], ORIGIN_MM[1], ORIGIN_MM[2] + shift),
            AcquisitionNumber=number,
        )
    save(tree, tmp_path / "tree")
    assert used(series_rows()) == {"nc": 12, "art": 24, "pv": 30, "dl": 24}


def test_each_phase_is_called_by_its_own_slices(tmp_path: Path) -> None:
    names = {"nc": "native", "art": "arterial", "pv": "portal venous", "dl": "late"}
    # All alike in brightness: the description alone tells them apart, and each is of its own slices.
    for number, phase in enumerate(PHASES, start=2):
        hu = abdomen_hu("pv")
        hu[:, 0, 0] = number
        slices = make_series(
            hu,
            series="one",
            description=names[phase],
            number=number,
            first_instance=100 * number,
            start=START[phase],
        )
        save(slices, tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    for number, phase in enumerate(PHASES, start=2):
        voxels = np.asarray(nib.load(tmp_path / "raw" / "patient_001" / f"{phase}.nii.gz").dataobj)
        assert set(voxels[0, 0]) == {number}


@pytest.mark.parametrize("shift_mm", [2.5, 1.0, 60.0, 55.0], ids=["half", "1 mm", "touching", "one shared"])
def test_arterial_and_portal_slices_are_never_mixed(
    shift_mm: float, tmp_path: Path, series_rows: Rows
) -> None:
    above = (ORIGIN_MM[0], ORIGIN_MM[1], ORIGIN_MM[2] + shift_mm)
    tree = one_series("art") + one_series("pv", first_instance=100, origin=above)
    save(tree, tmp_path / "tree")
    assert used(series_rows()) == {"art": 12, "pv": 12}


def coloured(item: FileDataset) -> None:
    item.SamplesPerPixel, item.PhotometricInterpretation, item.PlanarConfiguration = 3, "RGB", 0
    item.BitsAllocated, item.BitsStored, item.HighBit = 8, 8, 7
    item.PixelData = bytes(item.Rows * item.Columns * 3)


def smaller(item: FileDataset) -> None:
    item.Rows = 16
    item.PixelData = item.PixelData[: 16 * 32 * 2]


def finer(item: FileDataset) -> None:
    item.PixelSpacing = [3, 3]


def captured(item: FileDataset) -> None:
    item.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


def turned(item: FileDataset) -> None:
    item.ImageOrientationPatient = list(CORONAL)


def nowhere(item: FileDataset) -> None:
    del item.ImagePositionPatient


def other_modality(item: FileDataset) -> None:
    item.Modality = "OT"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (coloured, "1 image(s) in colour left out"),
        (smaller, "1 image(s) of another size (rows x columns) left out"),
        (finer, "1 image(s) of another pixel spacing left out"),
        (captured, "1 screen or secondary-capture image(s) left out"),
        (turned, "1 image(s) of another orientation left out"),
        (nowhere, "1 image(s) without position, orientation or pixel spacing left out"),
        (other_modality, "1 image(s) that are not CT left out"),
    ],
)
def test_stray_image_costs_itself_and_not_the_phase(
    change: Callable[[FileDataset], None], said: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(one_series("pv", description="portal venous"), tmp_path / "tree")
    (alone,) = series_rows()
    # At the next place of the grid, where it would not even leave a gap.
    stray = one_series("pv", (13, 32, 32), description="portal venous")[12]
    change(stray)
    save([stray], tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["slices"], row["problems"]) == ("yes", "12", said)
    assert row["series"] == alone["series"]  # a table made before still names it


def test_two_sizes_of_a_whole_volume_each_are_two_volumes(tmp_path: Path, series_rows: Rows) -> None:
    save(one_series("pv", description="portal venous"), tmp_path / "tree")
    save(one_series("nc", shape=(12, 24, 24), first_instance=50, description="native"), tmp_path / "tree")
    assert used(series_rows()) == {"pv": 12, "nc": 12}


def test_volume_that_goes_on_with_other_pixels_is_doubted(tmp_path: Path, series_rows: Rows) -> None:
    slices = one_series("pv", (24, 32, 32), description="portal venous")
    for item in slices[12:]:
        item.PixelSpacing = [4, 4]
    save(slices, tmp_path / "tree")
    rows = series_rows()
    assert used(rows) == {}
    assert all("goes on in images of another size or pixel spacing" in row["problems"] for row in rows)


@pytest.mark.parametrize("every_second", [False, True])
def test_volume_of_two_photometric_interpretations_is_doubted(
    every_second: bool, tmp_path: Path, series_rows: Rows
) -> None:
    slices = one_series("pv", (24, 32, 32), description="portal venous")
    for item in slices[::2] if every_second else slices[12:]:
        item.PhotometricInterpretation = "MONOCHROME1"
    save(slices, tmp_path / "tree")
    rows = series_rows()
    assert used(rows) == {}
    assert all("in 12 images of another PhotometricInterpretation" in row["problems"] for row in rows)


def test_change_of_spacing_reaches_the_table(tmp_path: Path, series_rows: Rows) -> None:
    thin = one_series("pv", shape=(16, 32, 32), spacing_mm=(5, 6, 2.5))
    thick = one_series(
        "pv", shape=(10, 32, 32), spacing_mm=(5, 6, 7.5), first_instance=20, origin=(-100, -80, 90)
    )
    save([*thin, *thick], tmp_path / "tree")
    (row,) = series_rows()
    assert row["problems"].split("; ")[0] == "the spacing changes from 2.5 to 7.5 mm"


def test_agent_of_one_volume_counts_for_the_other_of_its_series(tmp_path: Path, series_rows: Rows) -> None:
    save(one_series("pv", ContrastBolusAgent="Iomeprol"), tmp_path / "tree")
    save(one_series("nc", first_instance=50), tmp_path / "tree")
    native = next(row for row in series_rows() if row["phase"] == "nc")
    assert "no contrast agent here, but in other series" in native["why"]


def test_images_sent_twice_with_new_uids_are_one_volume(tmp_path: Path, series_rows: Rows) -> None:
    save(one_series("pv", description="portal venous"), tmp_path / "tree")
    again = one_series("pv", description="portal venous", first_instance=500)
    for number, item in enumerate(again, start=1):
        item.InstanceNumber = number
    save(again, tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == ("yes", "12 image(s) were there twice, with other UIDs")


def test_two_phases_half_a_slice_apart_that_only_voxels_tell_apart_are_doubted(
    tmp_path: Path, series_rows: Rows
) -> None:
    # Numbered from below, whichever phase it is.
    for n, (phase, shift) in enumerate((("art", 0), ("pv", 2.5))):
        slices = one_series(phase, start="100000", first_instance=500 * n, origin=(-100, -80, 50 + shift))
        for k, item in enumerate(slices):
            item.InstanceNumber = 2 * k + n + 1
        save(slices, tmp_path / "tree")
    (row,) = series_rows()
    assert row["use"] == "no"
    assert row["problems"].startswith("neighbouring slices differ more than next but one")


def test_thick_overlapping_slices_are_used_without_a_word(tmp_path: Path, series_rows: Rows) -> None:
    slices = one_series(
        "pv", (24, 32, 32), spacing_mm=(5, 6, 2.5), SliceThickness=5, description="portal venous"
    )
    save(slices, tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == ("yes", "")


def test_two_phases_that_only_voxels_tell_apart_are_refused(tmp_path: Path, series_rows: Rows) -> None:
    for phase, first in (("art", 1), ("pv", 500)):
        slices = one_series(phase, start="100000", first_instance=first)
        for number, item in enumerate(slices, start=1):
            item.InstanceNumber = number
        save(slices, tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == (
        "no",
        "several slices at one position that nothing tells apart: export each phase as a series of its own",
    )


@pytest.mark.parametrize("time", ["000000", None])
def test_one_time_written_everywhere_says_nothing_against_the_descriptions(
    time: str | None, tmp_path: Path, series_rows: Rows
) -> None:
    for number, (phase, name) in enumerate((("nc", "native"), ("art", "arterial"), ("pv", "portal venous"))):
        tags = {"AcquisitionTime": time, "ContentTime": time}
        slices = one_series(phase, description=name, first_instance=100 * number + 1, **tags)
        save(slices, tmp_path / "tree")
    assert used(series_rows()) == {"nc": 12, "art": 12, "pv": 12}


def test_slices_of_ever_another_pixel_spacing_are_told_as_such(tmp_path: Path, series_rows: Rows) -> None:
    slices = one_series("pv", description="portal venous")
    for k, item in enumerate(slices):
        item.PixelSpacing = [5 + k / 10, 5 + k / 10]
    save(slices, tmp_path / "tree")
    (row,) = series_rows()
    assert (row["use"], row["problems"]) == ("no", "slices of different pixel spacing")


def test_what_tells_volumes_apart_is_named_and_not_quoted(tmp_path: Path, series_rows: Rows) -> None:
    for number, (phase, name) in enumerate((("art", "Doe arterial ward 7"), ("pv", "Doe portal ward 8"))):
        tags = {
            "ProtocolName": name,
            "ConvolutionKernel": f"Doe{number}",
            "FrameOfReferenceUID": f"1.2.77{number}",
        }
        save(one_series(phase, description=name, first_instance=100 * number + 1, **tags), tmp_path / "tree")
    rows = series_rows()
    assert used(rows) == {"art": 12, "pv": 12}
    text = str([row["problems"] + row["why"] for row in rows])
    assert "told apart by SeriesDescription" in text
    assert not any(word in text for word in ("Doe", "ward", "1.2.77"))
