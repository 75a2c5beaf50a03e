"""A round trip through a real PACS: a study is fetched, results are stored, found there and read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import phase_series, uid
from dicom_results import frames, saved, two_lesions, two_measured
from orthanc import PASSWORD, USER, needs_orthanc, running_orthanc

pytest.importorskip("dicomweb_client")

from nnunet_multiphase.dicom_out.write import write_dicom
from nnunet_multiphase.dicomweb.fetch import fetch_study
from nnunet_multiphase.dicomweb.service import Service, connect
from nnunet_multiphase.dicomweb.store import store_files
from nnunet_multiphase.errors import InputError

pytestmark = [pytest.mark.slow, needs_orthanc]
STUDY = str(uid("P1", "first"))
OTHER = str(uid("P2", "first"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("orthanc")


@pytest.fixture(scope="module")
def pacs(place: Path) -> Iterator[Service]:
    """Run a PACS that holds art, pv and a report of one study."""
    with running_orthanc(place / "pacs") as url:
        service = connect(url)
        slices = [
            *phase_series("art"),
            *phase_series("pv"),
            *phase_series("nc", Modality="SR")[:1],
            *phase_series("art", description="arteriell", patient="P2"),
            *phase_series("pv", description="portal venous", patient="P2"),
        ]
        store_files(service, saved(slices, place / "sent"))
        yield service


@pytest.fixture(scope="module")
def results(place: Path, pacs: Service) -> tuple[Path, Path]:
    """Fetch the study, make results of made-up lesions on pv, and store them."""
    folder = fetch_study(pacs, STUDY, place / "out")
    pv = [
        path
        for path in folder.iterdir()
        if pydicom.dcmread(path).SeriesInstanceUID == uid("P1", "first", "pv")
    ]
    written = write_dicom(pv, two_lesions(), two_measured(), place / "out")
    store_files(pacs, written.paths)
    assert written.segmentation is not None
    return written.segmentation, written.report


def test_every_ct_image_comes_back_as_it_was_sent(place: Path, pacs: Service) -> None:
    said: list[str] = []
    folder = fetch_study(pacs, STUDY, place / "fresh", say=said.append)
    sent = sorted((place / "sent").iterdir())[:24]
    assert sorted(path.read_bytes() for path in folder.iterdir()) == sorted(
        path.read_bytes() for path in sent
    )
    assert len(sent) == 24
    assert said == [f"fetched series {k} of 2: 12 image(s)" for k in (1, 2)]
    assert folder.stat().st_mode & 0o077 == 0


def test_what_was_fetched_is_not_fetched_again(place: Path, pacs: Service) -> None:
    folder = fetch_study(pacs, STUDY, place / "twice")
    kept, lost = sorted(folder.iterdir())[:2]
    kept.write_bytes(b"kept")
    lost.unlink()
    assert fetch_study(pacs, STUDY, place / "twice") == folder
    assert kept.read_bytes() == b"kept"
    assert len(list(folder.iterdir())) == 24


def test_what_the_study_no_longer_has_goes(place: Path, pacs: Service) -> None:
    folder = fetch_study(pacs, STUDY, place / "changed")
    for name in ("1.2.3.dcm", ".1.2.4.partial"):
        (folder / name).touch()
    fetch_study(pacs, STUDY, place / "changed")
    assert len(list(folder.iterdir())) == 24


def test_results_are_found_in_their_study(pacs: Service, results: tuple[Path, Path]) -> None:
    for path in results:
        item = pydicom.dcmread(path)
        found = pacs.client.search_for_instances(STUDY, str(item.SeriesInstanceUID))
        assert [one["00080018"]["Value"] for one in found] == [[item.SOPInstanceUID]]
    kinds = {one["00080060"]["Value"][0] for one in pacs.client.search_for_series(STUDY)}
    assert {"CT", "SEG", "SR"} <= kinds


def test_results_come_back_equal(pacs: Service, results: tuple[Path, Path]) -> None:
    for path in results:
        item = pydicom.dcmread(path)
        back = pacs.client.retrieve_instance(STUDY, str(item.SeriesInstanceUID), str(item.SOPInstanceUID))
        assert back == item
        if path == results[0]:
            plane = frames(back)[2, str(uid("P1", "first", "pv", 3))]
            assert np.argwhere(plane).tolist() == [[20, 6], [21, 6]]


def test_the_command_fetches_predicts_and_stores(predict, pacs: Service, tmp_path: Path) -> None:
    assert len(pacs.client.search_for_series(OTHER)) == 2
    options = ("--dicomweb", pacs.url, "--study", OTHER, "--store")
    assert predict(*options) == (0, [tmp_path / "out" / "imported" / "patient_001"])
    for kind in ("seg", "sr"):
        item = pydicom.dcmread(tmp_path / "out" / f"patient_001_{kind}.dcm")
        assert pacs.client.retrieve_instance(OTHER, item.SeriesInstanceUID, item.SOPInstanceUID) == item


def test_what_cannot_be_stored_is_an_error_and_stays(
    predict,
    pacs: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(service: Service, files: object) -> None:
        raise InputError(f"{service.url} answers 507, storing it")

    monkeypatch.setattr("nnunet_multiphase.dicomweb.store.store_files", full)
    assert predict("--dicomweb", pacs.url, "--study", OTHER, "--store")[0] == 1
    assert f"all results are written, and not all stored: {pacs.url} answers 507" in capsys.readouterr().err
    assert (tmp_path / "out" / "patient_001_sr.dcm").exists()


def test_a_study_that_is_lacking_costs_the_others_nothing(
    predict, pacs: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--dicomweb", pacs.url, "--study", "1.2.3", "--study", OTHER)
    status, seen = predict(*options)
    assert (status, len(seen)) == (1, 1)
    assert f"error: {pacs.url}: it has no study 1.2.3 " in capsys.readouterr().err


def test_a_study_that_is_not_there_is_told(place: Path, pacs: Service) -> None:
    with pytest.raises(InputError, match=r"it has no study 1.2.3 "):
        fetch_study(pacs, "1.2.3", place / "none")


def test_a_login_is_asked_for_and_taken_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with running_orthanc(tmp_path / "pacs", login=True) as url:
        with pytest.raises(InputError, match=r"answers 401 .log in., asking for the study"):
            fetch_study(connect(url), STUDY, tmp_path)
        (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
        with pytest.raises(InputError, match="it has no study"):
            fetch_study(connect(url), STUDY, tmp_path)
