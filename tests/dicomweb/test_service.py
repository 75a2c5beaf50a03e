"""What a DICOMweb service may answer, and how it is told; the service is a few lines here, a real one in test_orthanc.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_phantom import phase_series, uid
from served import STUDY, Answer, always, serving

pytest.importorskip("dicomweb_client")

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicomweb.fetch import fetch_study
from nnunet_multiphase.dicomweb.service import connect
from nnunet_multiphase.dicomweb.store import store_files
from nnunet_multiphase.errors import InputError


def series(*modalities: str) -> bytes:
    return json.dumps(
        [
            {
                "0020000E": {"vr": "UI", "Value": [f"1.2.3.{k}"]},
                "00080060": {"vr": "CS", "Value": [modality]},
            }
            for k, modality in enumerate(modalities)
        ]
    ).encode()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            always(401),
            r"answers 401 .log in., asking for the study: put the user name and password for 127.0.0.1 into",
        ),
        (always(403), r"answers 403 .forbidden., asking for the study: put the user name"),
        (always(404), r"it has no study 1.2.3 .or the address is not the root"),
        (always(500), r"answers 500, asking for the study; ask those who run it"),
        (always(200, b"[]"), r"it has no study 1.2.3 "),
        (always(204), r"it has no study 1.2.3 "),
        (always(200, series("MR", "SR", "MR")), r"study 1.2.3 has no CT series: expected CT, found MR, SR"),
        (
            always(200, b"<html>", "text/html"),
            r"does not answer as a DICOMweb service does: expected its root",
        ),
        (always(200, b'["a"]'), r"does not answer as a DICOMweb service does"),
        (always(200, b"7"), r"does not answer as a DICOMweb service does"),
        (always(200, b'[{"0020000E": {"vr": "UI", "Value": ["../../x"]}}]'), r"no valid SeriesInstanceUID"),
    ],
)
def test_what_is_in_the_way_is_told_in_one_sentence(
    tmp_path: Path, answer: Callable[..., Answer], sentence: str
) -> None:
    with serving(answer) as url, pytest.raises(InputError, match=sentence) as told:
        fetch_study(connect(url), STUDY, tmp_path)
    assert str(told.value).startswith(url)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.dicomweb.service._PAUSE_S", 0.001)
    with serving(always(200)) as url:
        pass
    with pytest.raises(InputError, match=r"nobody answers there, asking for the study .connection refused"):
        fetch_study(connect(url), STUDY, tmp_path)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://host/dicom-web", "expected the http or https address"),
        ("localhost:8042/dicom-web", "expected the http or https address"),
        ("http://", "expected the http or https address"),
        ("http://host:port/", "expected the http or https address"),
        ("http://me:secret@host/dicom-web", "must not hold a password or a query"),
        ("http://host/dicom-web?key=secret", "must not hold a password or a query"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as told:
        connect(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--dicomweb", "http://localhost"], "--dicomweb URL and --study UID go together"),
        (["--study", "1.2"], "--dicomweb URL and --study UID go together"),
        (["--dicomweb", "http://localhost", "--study", "1.2/x"], "expected a StudyInstanceUID"),
        (
            ["--dicomweb", "http://localhost", "--study", "1.2", "--study", "1.2"],
            "--study 1.2 is given twice",
        ),
        (["--dicomweb", "ftp://localhost", "--study", "1.2"], "expected the http or https address"),
    ],
)
def test_the_command_refuses_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main(["predict", *options, "-m", str(tmp_path / "no_model"), "-o", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err


def test_a_token_is_shown_to_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMWEB_TOKEN", "abc")
    seen = []

    def answer(path: str, headers: dict[str, str]) -> Answer:
        seen.append(headers.get("Authorization"))
        return 200, "application/dicom+json", b"[]"

    with serving(answer) as url, pytest.raises(InputError, match="has no study"):
        fetch_study(connect(url), STUDY, tmp_path)
    assert seen == ["Bearer abc"]


def test_a_service_that_ignores_where_a_page_begins_is_asked_twice(tmp_path: Path) -> None:
    seen = []

    def answer(path: str, headers: dict[str, str]) -> Answer:
        seen.append(path)
        return 200, "application/dicom+json", series("MR", "MR")

    with serving(answer) as url, pytest.raises(InputError, match="has no CT series"):
        fetch_study(connect(url), STUDY, tmp_path)
    assert [path.partition("offset=")[2] for path in seen] == ["0", "2"]


def test_a_study_of_which_an_image_is_lost_is_not_there(tmp_path: Path) -> None:
    def answer(path: str, headers: dict[str, str]) -> Answer:
        if "/instances/" in path:
            return 500, "text/plain", b""
        if "/instances" in path:
            return 200, "application/dicom+json", b'[{"00080018": {"vr": "UI", "Value": ["1.2.3.0.1"]}}]'
        return 200, "application/dicom+json", series("CT")

    with serving(answer) as url, pytest.raises(InputError, match="answers 500, fetching an image"):
        fetch_study(connect(url), STUDY, tmp_path)
    assert [path.name[:7] for path in (tmp_path / "fetched").iterdir()] == [".study_"]


def answering(
    status: int, body: bytes, *, there: bool = False, kind: str = "application/dicom+json"
) -> Callable:
    """Answer so to what is to be stored, and to a search for it whether it is there."""
    found = [{"00080018": {"vr": "UI", "Value": [uid("P1", "first", "pv", 1)]}}] if there else []

    def answer(path: str, headers: dict[str, str]) -> Answer:
        if "/instances" in path:
            return 200, "application/dicom+json", json.dumps(found).encode()
        return status, kind, body

    return answer


def failure(reason: int) -> bytes:
    return json.dumps(
        {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [reason]}}]}}
    ).encode()


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "one_sr.dcm"
    phase_series("pv")[0].save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (answering(200, b"{}"), "did not store one_sr.dcm: it is not there; the file stays at"),
        (answering(409, b""), "did not store one_sr.dcm: it is not there; the file stays at"),
        (answering(202, failure(272)), "did not store one_sr.dcm: failure reason 272, PS3.18"),
        (answering(401, b""), "answers 401 .log in., storing one_sr.dcm"),
        (answering(507, b""), "answers 507, storing one_sr.dcm"),
    ],
)
def test_what_is_not_stored_is_told_and_stays(
    result: Path, answer: Callable[..., Answer], sentence: str
) -> None:
    with serving(answer) as url, pytest.raises(InputError, match=sentence):
        store_files(connect(url), [result])
    assert result.exists()


@pytest.mark.parametrize(
    "answer",
    [
        answering(202, failure(0x0111), there=True),  # duplicate
        answering(409, b"", there=True),
        answering(200, b"{}", there=True, kind="application/dicom+json; charset=utf-8"),
        answering(
            200,
            json.dumps(
                {
                    "00081199": {
                        "vr": "SQ",
                        "Value": [{"00081155": {"vr": "UI", "Value": [uid("P1", "first", "pv", 1)]}}],
                    }
                }
            ).encode(),
        ),
    ],
)
def test_what_is_there_is_stored(result: Path, answer: Callable[..., Answer]) -> None:
    with serving(answer) as url:
        store_files(connect(url), [result])
