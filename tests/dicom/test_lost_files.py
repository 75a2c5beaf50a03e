"""Nothing is lost without a word: archives, damaged and blank files, folders that cannot be read."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_phantom import phase_series, save
from imported_pv import imported, save_numbered
from pydicom.filewriter import dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import VR

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom import files, header
from nnunet_multiphase.dicom.files import Kind, kind_of
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow

Rows = Callable[..., list[dict[str, str]]]


def pack_zip(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("readme.txt", "scans")
        archive.writestr("IM1", content)


def pack_tar(content: bytes, path: Path) -> None:
    with tarfile.open(path.with_suffix(".tgz"), "w:gz") as archive:
        member = tarfile.TarInfo("IM1")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


LOST: dict[str, tuple[Callable[[bytes, Path], object], str]] = {
    "zip": (pack_zip, "1 archive(s) (zip, gz, tar, 7z, rar) that hold or may hold DICOM"),
    "tar": (pack_tar, "1 archive(s)"),
    "gz": (
        lambda content, path: path.with_suffix(".dcm.gz").write_bytes(gzip.compress(content)),
        "1 archive",
    ),
    "7z": (lambda content, path: path.write_bytes(b"7z\xbc\xaf\x27\x1c" + content), "1 archive(s)"),
    "empty": (
        lambda content, path: path.with_suffix(".dcm").write_bytes(b""),
        "1 file(s) are named like DICOM",
    ),
    "zeros": (
        lambda content, path: path.with_suffix(".IMA").write_bytes(bytes(999)),
        "1 file(s) are named like",
    ),
    "dead link": (
        lambda content, path: path.symlink_to("nowhere"),
        "1 file(s), folder(s) or link(s) cannot be",
    ),
    "link to what never ends": (
        lambda content, path: path.symlink_to("/dev/zero"),
        "1 file(s), folder(s) or link(s) cannot be",
    ),
    "cut header": (lambda content, path: path.write_bytes(content[:600]), "1 DICOM file(s) are damaged"),
    "cut meta header": (lambda content, path: path.write_bytes(content[:200]), "1 DICOM file(s) are damaged"),
}


def test_a_deflated_file_that_unpacks_without_end_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (bomb, *_) = phase_series("art", description="art")
    bomb.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    save([bomb], tmp_path / "tree")
    assert len(imported(tmp_path).failures) == 0
    monkeypatch.setattr(header, "MOST_UNPACKED", 1000)
    (failure,) = imported(tmp_path).failures
    assert failure.startswith("1 DICOM file(s) are damaged")


@pytest.mark.parametrize("name", LOST)
def test_what_may_be_an_image_and_is_not_read_is_a_failure(name: str, tmp_path: Path) -> None:
    write, told = LOST[name]
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    stream = io.BytesIO()
    dcmwrite(stream, phase_series("art", description="art")[0], enforce_file_format=True)
    write(stream.getvalue(), tmp_path / "tree" / "lost")
    summary = imported(tmp_path)
    assert summary.written == ("patient_001",)
    (failure,) = summary.failures
    assert failure.startswith(told)


@pytest.mark.parametrize("content", [b"", bytes(999), b"\xff" * 999])
def test_a_blank_file_named_as_the_images_beside_it_is_a_failure(content: bytes, tmp_path: Path) -> None:
    for n, item in enumerate(phase_series("pv", description="pv")):
        (tmp_path / "tree").mkdir(exist_ok=True)
        item.save_as(tmp_path / "tree" / f"IM{n:04d}", enforce_file_format=True)
    (tmp_path / "tree" / "IM0099").write_bytes(content)
    (tmp_path / "tree" / "VERSION").write_bytes(content)
    (failure,) = imported(tmp_path).failures
    assert failure.startswith("1 file(s) are named like DICOM images but hold none")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("readme.txt", b"\x08\x00 text"),
        ("report.docx", b"PK\x03\x04"),
        ("picture.png", b"\x89PNG"),
        ("._IM1.dcm", b"\0\x05\x16\x07"),
        ("VERSION", b""),
        ("table.csv.gz", gzip.compress(b"a,b", mtime=0)),
    ],
)
def test_what_is_plainly_no_dicom_goes_without_a_word(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) is Kind.OTHER


def test_series_with_a_cut_off_header_is_not_used(tmp_path: Path, series_rows: Rows) -> None:
    save_numbered(phase_series("pv", description="pv"), tmp_path / "tree")
    last = tmp_path / "tree" / "011"
    content = last.read_bytes()
    last.write_bytes(content[: content.index(b"\x28\x00\x02\x00US")])  # Rows and Columns come after
    (row,) = series_rows()
    assert (row["slices"], row["use"]) == ("11", "no")
    assert row["problems"] == "1 file(s) of this series are damaged: export it again"


def test_dry_run_tells_lost_files_by_its_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (tmp_path / "tree" / "IM9.dcm").write_bytes(b"")
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw"), "--dry-run"]) == 1
    assert "error: 1 file(s) are named like DICOM images but hold none" in capsys.readouterr().err


def test_tree_of_archives_says_so(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    stream = io.BytesIO()
    dcmwrite(stream, phase_series("art")[0], enforce_file_format=True)
    pack_zip(stream.getvalue(), tmp_path / "tree" / "all")
    with pytest.raises(InputError, match=r"found 0 other files; 1 archive\(s\).* unpack them"):
        imported(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folder_that_may_not_be_read_is_a_failure(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv"), tmp_path / "tree")
    (tmp_path / "tree" / "closed").mkdir(mode=0)
    (failure,) = imported(tmp_path).failures
    assert failure.startswith("1 file(s), folder(s) or link(s) cannot be opened")


def test_study_of_too_few_ct_images_is_a_failure(tmp_path: Path) -> None:
    save(phase_series("pv", description="pv")[:6], tmp_path / "tree")
    assert imported(tmp_path).failures == ("case patient_001: no series can be used, see the series table",)


def test_value_representations_are_the_standards() -> None:
    assert {str(vr.value).encode() for vr in VR if len(vr.value) == 2} == files._VALUE_REPRESENTATIONS
