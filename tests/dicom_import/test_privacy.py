"""Nothing that identifies a patient reaches OUT, the series table or the terminal."""

from __future__ import annotations

import base64
import csv
import gzip
import re
from pathlib import Path

import nibabel as nib
import pytest
from dicom_phantom import lesion_mask, make_rtstruct, make_seg, phase_series, save
from enhanced_ct import enhanced
from planted import leaks, needles, plant

from nnunet_multiphase.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import a tree with something planted everywhere; the folder that holds tree, raw and the tables."""
    place = tmp_path_factory.mktemp("privacy")
    art, pv = (
        phase_series(phase, patient="MRN-4711", description=f"PLANTED {word} Dr. PLANTED")
        for phase, word in (("art", "arteriell"), ("pv", "portalvenös"))
    )
    liver = [(5, [(2.5, 2.5), (20.5, 2.5), (20.5, 20.5)])]
    masks = (
        make_seg(art, {"Mass PLANTED": lesion_mask()}),
        make_seg(pv, {"Mass PLANTED": lesion_mask()}),
        # A liver with a word that is not known is named in a remark, and not taken.
        make_rtstruct(pv, {"Liver": liver, "Liver PLANTED": liver}),
    )
    scout = phase_series("nc", patient="MRN-4711", series="scout", ImageType=["ORIGINAL", "LOCALIZER"])[:1]
    for item in (*art, *pv, *scout):
        item.ContrastBolusAgent = "PLANTED Iohexol"
        item.ProtocolName = "PLANTED protocol"
        item.ConvolutionKernel = ["B30f", "PLANTED47"]
        item.ImageType = [*item.ImageType, "PLANTED"]
    save([plant(item) for item in (*art, *pv, *scout, *masks)], place / "tree" / "PLANTED_FOLDER")
    return place


@pytest.fixture(scope="module")
def terminal(imported: Path) -> str:
    """Run the import on that tree and give what it printed."""
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        assert main(["import-dicom", str(imported / "tree"), str(imported / "raw")]) == 0
    return text.getvalue()


def test_needles_are_in_the_tree(imported: Path) -> None:
    data = b"".join(path.read_bytes() for path in (imported / "tree").rglob("*") if path.is_file())
    assert leaks(data) == {n.decode() for n in needles()} - {"1947-08-13"}


def test_no_byte_under_out_identifies(imported: Path, terminal: str) -> None:
    out = imported / "raw"
    found = sorted(path for path in out.rglob("*") if path.is_file())
    assert [path.name for path in found] == [
        "art.nii.gz",
        "lesions_art.nii.gz",
        "lesions_pv.nii.gz",
        "liver_pv.nii.gz",
        "pv.nii.gz",
        "patients.csv",
    ]
    for path in found:
        assert leaks(path.read_bytes()) == set(), path
        assert leaks(str(path.relative_to(out)).encode()) == set()
        if path.suffix == ".gz":
            assert leaks(gzip.decompress(path.read_bytes())) == set(), path


def test_nifti_headers_have_no_words(imported: Path, terminal: str) -> None:
    for path in (imported / "raw").rglob("*.nii.gz"):
        header = nib.load(path).header
        for field in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
            assert header[field].item() == b"", (path, field)
        assert not header.extensions


def test_series_table_does_not_identify(imported: Path, terminal: str) -> None:
    data = (imported / "raw_series.csv").read_bytes()
    assert leaks(data) == set()
    # It still quotes what the phase was known by.
    assert "portal venös".encode() in data


def test_series_page_does_not_identify(imported: Path, terminal: str) -> None:
    data = (imported / "raw_series.html").read_bytes()
    assert leaks(data) == set()
    assert data.count(b"data:image/jpeg") == 4  # two planes of art and pv each
    # The pictures are made anew, without any text of their own.
    for text in re.findall(rb"data:image/jpeg;base64,([^\"]+)", data):
        picture = base64.b64decode(text)
        assert leaks(picture) == set()
        assert b"Exif" not in picture


def test_mask_table_does_not_identify(imported: Path, terminal: str) -> None:
    data = (imported / "raw_masks.csv").read_bytes()
    assert leaks(data) == set()
    assert data.count(b"lesions") == 2  # SEG on art and pv


def test_the_record_of_what_was_used_does_not_identify(imported: Path, terminal: str) -> None:
    data = (imported / "raw_made_of.csv").read_bytes()
    assert leaks(data) == set()
    assert data.count(b"patient_001,lesions_pv,m") == 1


def test_series_table_shows_codes_of_the_free_text_tags(imported: Path, terminal: str) -> None:
    with (imported / "raw_series.csv").open(newline="", encoding="utf-8") as stream:
        row = next(row for row in csv.DictReader(stream) if row["phase"] == "pv")
    assert (row["kernel"], row["image_type"], row["agent"]) == (
        "B30f",
        "ORIGINAL PRIMARY AXIAL +1",
        "iohexol",
    )


def test_terminal_does_not_identify(imported: Path, terminal: str) -> None:
    assert leaks(terminal.encode()) == set()
    assert "patient_001" in terminal


def test_key_file_alone_knows_the_patient(imported: Path, terminal: str) -> None:
    key = imported / "raw_pseudonyms.csv"
    with key.open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["pseudonym"], row["PatientID"]) == ("patient_001", "MRN-4711")
    assert key.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in imported.iterdir()) == [
        "raw",
        "raw_made_of.csv",
        "raw_masks.csv",
        "raw_pseudonyms.csv",
        "raw_series.csv",
        "raw_series.html",
        "tree",
    ]


def test_odd_values_are_not_quoted_in_warnings(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    save(phase_series("pv", description="pv", number=20210304), tmp_path / "tree")
    # SeriesNumber (0020,0011), spoilt where no library looks.
    odd = b"\x20\x00\x11\x00IS\x08\x00"
    for path in (tmp_path / "tree").iterdir():
        data = path.read_bytes()
        assert data.count(odd + b"20210304") == 1
        path.write_bytes(data.replace(odd + b"20210304", odd + b"PLANTED!"))
    recwarn.clear()
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw")]) == 0
    assert [str(warning.message) for warning in recwarn] == []


def test_odd_files_do_not_identify_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, loose, cut, tilted = (
        [plant(item) for item in phase_series(phase, patient="MRN-4711", description=f"PLANTED {word}")]
        for phase, word in (("pv", "portalvenös"), ("art", "arteriell"), ("nc", "nativ"), ("dl", "spät"))
    )
    for k, item in enumerate(loose):
        del item.SeriesInstanceUID
        tilted[k].ImagePositionPatient[1] += k
    save([enhanced(one), *loose, *cut[:6], *tilted], tmp_path / "tree")
    (tmp_path / "tree" / "PLANTED.zip").write_bytes(b"7z\xbc\xaf\x27\x1cPLANTED")
    options = ["--join-studies", "--resample-irregular"]
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw"), *options]) == 1
    told = capsys.readouterr()
    assert "12 images without SeriesInstanceUID" in told.err
    assert "gantry tilt of 11.3 degrees sheared straight" in told.err  # atan(1 / 5)
    assert leaks((told.out + told.err).encode()) == set()
    assert leaks((tmp_path / "raw_series.csv").read_bytes()) == set()
    for path in (tmp_path / "raw").rglob("*.nii.gz"):
        assert leaks(gzip.decompress(path.read_bytes())) == set(), path
