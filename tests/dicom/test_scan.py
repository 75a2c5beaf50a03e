"""Whatever is CT is read: files without preamble or transfer syntax, with odd UIDs or none, twice or by links."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import phase_series, save, uid
from imported_pv import assert_pv_is_whole, imported, save_numbered
from pydicom.dataset import FileDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]


def bare(item: FileDataset, syntax: str | None = None) -> bytes:
    """Give a file's data set alone, as it lies behind preamble and meta header."""
    if syntax:
        item.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    item.file_meta.ImplementationVersionName = "X"
    dcmwrite(stream, item, enforce_file_format=True)
    content = stream.getvalue()[132:]
    return content[12 + int.from_bytes(content[8:12], "little") :]  # the meta header's length


@pytest.mark.parametrize(
    "write",
    [
        lambda item: bare(item),
        lambda item: bare(item, ImplicitVRLittleEndian),
        lambda item: bare(item, ExplicitVRBigEndian),
    ],
    ids=["explicit", "implicit", "big endian"],
)
def test_files_without_preamble_and_meta_header_are_read(
    write: Callable[[FileDataset], bytes], tmp_path: Path
) -> None:
    slices = phase_series("pv", description="pv")
    if write(slices[0])[:2] == b"\0\x08":  # the pixels' bytes are not turned by the writer
        for item in slices:
            item.PixelData = np.frombuffer(item.PixelData, "<u2").astype(">u2").tobytes()
    (tmp_path / "tree").mkdir()
    for number, item in enumerate(slices):
        (tmp_path / "tree" / f"{number}").write_bytes(write(item))
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def test_meta_header_without_preamble_is_read(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for number, item in enumerate(phase_series("pv", description="pv")):
        stream = io.BytesIO()
        dcmwrite(stream, item, enforce_file_format=True)
        (tmp_path / "tree" / f"{number}").write_bytes(stream.getvalue()[132:])
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


@pytest.mark.parametrize("compressed", [None, RLELossless, JPEGLSLossless])
def test_missing_transfer_syntax_is_found_out_and_said(
    compressed: str | None, tmp_path: Path, series_rows: Rows
) -> None:
    (tmp_path / "tree").mkdir()
    for number, item in enumerate(phase_series("pv", description="pv")):
        if compressed:
            item.compress(compressed, generate_instance_uid=False)
        stream = io.BytesIO()
        dcmwrite(stream, item, enforce_file_format=True)
        content = stream.getvalue()
        start = content.index(b"\x02\x00\x10\x00UI")
        end = start + 8 + int.from_bytes(content[start + 6 : start + 8], "little")
        length = int.from_bytes(content[140:144], "little") - (end - start)
        whole = content[:140] + length.to_bytes(4, "little") + content[144:start] + content[end:]
        (tmp_path / "tree" / f"{number}").write_bytes(whole)
    (row,) = series_rows()
    assert row["problems"] == (
        "12 file(s) do not say how they are stored (TransferSyntaxUID): found out from their bytes"
    )
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def change_all(items: list[FileDataset], **tags: object) -> list[FileDataset]:
    """Set keywords of every slice; a callable takes its number, None removes the keyword."""
    for number, item in enumerate(items):
        for name, value in tags.items():
            new = value(number) if callable(value) else value
            if new is None:
                delattr(item, name)
            else:
                setattr(item, name, new)
    return items


ODD_UIDS = {
    "no series UID": ({"SeriesInstanceUID": None}, "12 images without SeriesInstanceUID"),
    "empty series UID": ({"SeriesInstanceUID": ""}, "12 images without SeriesInstanceUID"),
    "series UID each": (
        {"SeriesInstanceUID": lambda k: uid("each", k)},
        "12 images of 12 SeriesInstanceUIDs, put together by number",
    ),
    "series and frame UID each": (
        {"SeriesInstanceUID": lambda k: uid("each", k), "FrameOfReferenceUID": lambda k: uid("f", k)},
        "12 images of 12 SeriesInstanceUIDs",
    ),
    "series UID and number each": (
        {"SeriesInstanceUID": lambda k: uid("each", k), "SeriesNumber": lambda k: 100 + k},
        "12 images of 12 SeriesInstanceUIDs",
    ),
    "series UID for every rotation of four slices": (
        {"SeriesInstanceUID": lambda k: uid("rotation", k // 4)},
        "12 images of 3 SeriesInstanceUIDs",
    ),
    "every UID each": (
        {
            "StudyInstanceUID": lambda k: uid("study", k),
            "SeriesInstanceUID": lambda k: uid("each", k),
            "FrameOfReferenceUID": lambda k: uid("f", k),
        },
        "12 images of 12 SeriesInstanceUIDs",
    ),
    "one SOP UID": (
        {"SOPInstanceUID": uid("one")},
        "12 images share a SOPInstanceUID and are no copies of each other",
    ),
    "no SOP UID": ({"SOPInstanceUID": ""}, ""),
    "no study UID": ({"StudyInstanceUID": None}, ""),
}


@pytest.mark.parametrize("name", ODD_UIDS)
def test_series_with_odd_uids_is_read_and_said(name: str, tmp_path: Path, series_rows: Rows) -> None:
    tags, told = ODD_UIDS[name]
    save_numbered(change_all(phase_series("pv", description="pv"), **tags), tmp_path / "tree")
    (row,) = series_rows()
    assert (row["slices"], row["use"]) == ("12", "yes")
    assert row["problems"].startswith(told)
    assert bool(row["problems"]) == bool(told)
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def test_two_phases_without_series_uids_stay_two(tmp_path: Path) -> None:
    for number, phase in enumerate(("art", "pv"), start=3):
        items = phase_series(phase, description=f"abd {phase}", number=number)
        save_numbered(change_all(items, SeriesInstanceUID=None), tmp_path / "tree" / phase)
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)
    assert (tmp_path / "raw" / "patient_001" / "art.nii.gz").is_file()


def test_eight_images_at_one_place_are_not_put_together(tmp_path: Path, series_rows: Rows) -> None:
    # Bolus tracking, a series each time: not one volume's slices.
    timing = [phase_series("art", series=f"t{k}", description="monitor", number=9)[0] for k in range(9)]
    save(timing, tmp_path / "tree")
    assert len(series_rows()) == 9


def test_one_study_uid_for_two_patients_stays_two(tmp_path: Path) -> None:
    for patient in ("P1", "P2"):
        items = change_all(phase_series("pv", description="pv", patient=patient), StudyInstanceUID=uid("all"))
        save(items, tmp_path / "tree")
    assert imported(tmp_path).written == ("patient_001", "patient_002")


def test_two_dates_without_study_uid_are_two_cases(tmp_path: Path) -> None:
    for day in ("20210304", "20220101"):
        items = phase_series("pv", description="pv", study=day, StudyDate=day)
        save_numbered(change_all(items, StudyInstanceUID=None), tmp_path / "tree" / day)
    assert imported(tmp_path).written == ("patient_001", "patient_001_2")


def test_two_people_without_patient_id_and_study_uid_are_two(tmp_path: Path) -> None:
    for name in ("Doe^Jane", "Roe^Richard"):
        items = phase_series("pv", description="pv", patient="", study=name)
        save_numbered(change_all(items, StudyInstanceUID=None, PatientName=name), tmp_path / "tree" / name)
    assert imported(tmp_path).written == ("patient_001", "patient_002")


def test_copies_in_another_compression_are_copies(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree" / "one")
    again = phase_series("pv", description="pv")
    for item in again:
        item.compress(RLELossless, generate_instance_uid=False)
    save(again, tmp_path / "tree" / "two")
    (row,) = series_rows()
    assert (row["slices"], row["problems"]) == ("12", "12 file(s) were there twice")


def test_other_pixels_under_one_uid_and_place_are_no_copies(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree" / "one")
    other = phase_series("pv", description="pv")
    other[5].PixelData = other[4].PixelData
    save(other[5:6], tmp_path / "tree" / "two")
    told = "2 images share a SOPInstanceUID and are no copies of each other"
    assert all(told in row["problems"] for row in series_rows())


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_of_a_cut_off_copy_and_a_whole_one_the_whole_is_read(names: tuple[str, str], tmp_path: Path) -> None:
    for name in names:
        save_numbered(phase_series("pv", description="pv"), tmp_path / "tree" / name)
    file = tmp_path / "tree" / names[0] / "005"  # as a stopped export leaves it
    file.write_bytes(file.read_bytes()[:-500])
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def test_scanners_own_notes_are_no_damaged_images(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    note = phase_series("pv", series="notes", SOPClassUID="1.3.12.2.1107.5.9.1")[
        0
    ]  # CSA non-image, Modality CT
    del note.PixelData, note.Rows, note.Columns
    save([note], tmp_path / "tree")
    assert imported(tmp_path).failures == ()


def test_identifiers_that_are_no_uids_are_taken(tmp_path: Path) -> None:
    items = phase_series("pv", description="pv")
    for number, item in enumerate(items):
        item.SOPInstanceUID = f"anon-{number}"
        item.SeriesInstanceUID = "5d41402abc4b2a76b9719d911017c592"
        item.StudyInstanceUID = "Study 1"
    save_numbered(items, tmp_path / "tree")
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def test_a_patient_is_known_again_whose_id_holds_zero_bytes(tmp_path: Path) -> None:
    """They stood in the key file, which then could not be read any more."""
    save(phase_series("pv", description="pv", PatientID="A\0B\0"), tmp_path / "tree")
    for _ in range(2):
        assert imported(tmp_path).written == ("patient_001",)


def test_image_without_any_identifier_is_read(tmp_path: Path) -> None:
    items = phase_series("pv", description="pv")
    gone = dict.fromkeys(
        ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    )
    save_numbered(change_all(items, **gone), tmp_path / "tree")
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def test_ct_without_modality_is_ct(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv", Modality=None), tmp_path / "tree")
    assert imported(tmp_path).failures == ()
    assert_pv_is_whole(tmp_path)


def test_images_that_do_not_say_what_they_show_are_a_failure(tmp_path: Path) -> None:
    items = phase_series("pv", description="pv", Modality=None, SOPClassUID=None)
    for item in items:
        item.file_meta.MediaStorageSOPClassUID = "1.2.3.4"
    save(items, tmp_path / "tree")
    summary = imported(tmp_path)
    assert any("do not say what they show (no Modality)" in remark for remark in summary.remarks)
    assert summary.failures == ("case patient_001: no series can be used, see the series table",)


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "far")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "near").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "loop").symlink_to(tmp_path / "tree")
    assert imported(tmp_path).written == ("patient_001",)
    assert_pv_is_whole(tmp_path)
