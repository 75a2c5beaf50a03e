"""A PACS that is silent, drips, breaks off, answers without end or with nonsense: one sentence, nothing half-fetched."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
from dicom_phantom import phase_series

pytest.importorskip("dicomweb_client")

from nnunet_multiphase.dicomweb import service, session
from nnunet_multiphase.dicomweb.fetch import fetch_study
from nnunet_multiphase.dicomweb.service import connect
from nnunet_multiphase.dicomweb.store import store_files
from nnunet_multiphase.errors import InputError

pytestmark = pytest.mark.slow

STUDY = phase_series("pv")[0].StudyInstanceUID
Speak = Callable[[socket.socket, str, threading.Event], None]


@contextmanager
def speaking(speak: Speak) -> Iterator[str]:
    """Answer each connection's one request by a function that writes what bytes it likes; the service's address."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with connection:
            asked = b""
            while b"\r\n\r\n" not in asked:
                piece = connection.recv(65536)
                if not piece:
                    return
                asked += piece
            with suppress(OSError):  # the other side has had enough
                speak(connection, asked.split()[1].decode(), over)

    def accept() -> None:
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/dicom-web"
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_TIMEOUT_S", 0.8)
    monkeypatch.setattr(service, "_LONGEST_S", 1.6)
    monkeypatch.setattr(service, "_PAUSE_S", 0.001)
    monkeypatch.setattr(session, "_ATTEMPTS", 1)
    monkeypatch.setattr(service, "_LARGEST_LIST", 20_000)
    monkeypatch.setattr(service, "_LARGEST_IMAGE", 200_000)


def head(*lines: str, status: str = "200 OK", kind: str = "application/dicom+json") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines, "", ""]).encode()


def whole(body: bytes, kind: str = "application/dicom+json") -> bytes:
    return head(f"Content-Length: {len(body)}", "Connection: close", kind=kind) + body


def silent(connection: socket.socket, path: str, over: threading.Event) -> None:
    over.wait(20)


def silent_within_the_head(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200")
    over.wait(20)


def silent_within_the_body(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Content-Length: 100") + b"[")
    over.wait(20)


def dripping(connection: socket.socket, start: bytes, over: threading.Event) -> None:
    connection.sendall(start)
    while not over.wait(0.02):
        connection.sendall(b" ")


def dripping_head(connection: socket.socket, path: str, over: threading.Event) -> None:
    dripping(connection, b"HTTP/1.1 200 OK\r\nX: ", over)


def dripping_body(connection: socket.socket, path: str, over: threading.Event) -> None:
    dripping(connection, head("Content-Length: 10000"), over)


def closed_at_once(connection: socket.socket, path: str, over: threading.Event) -> None:
    pass


def closed_within_the_body(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Content-Length: 100") + b"[{")


def closed_within_a_chunk(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Transfer-Encoding: chunked") + b"20\r\n[{")


def closed_where_the_end_is_the_closing(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head() + b'[{"0020000E": {"vr"')


def of_claimed_terabytes(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Content-Length: 10000000000000") + b"[")
    over.wait(20)


def without_end(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Transfer-Encoding: chunked"))
    while not over.is_set():
        connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")


def packed_bomb(connection: socket.socket, path: str, over: threading.Event) -> None:
    body = gzip.compress(b" " * 1_000_000)
    connection.sendall(head(f"Content-Length: {len(body)}", "Content-Encoding: gzip") + body)


def nested(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(whole(b"[" * 19_000))


def in_a_circle(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(
        head(f"Location: {path}", "Content-Length: 0", "Connection: close", status="302 Found")
    )


def not_http(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(b"SSH-2.0-something\r\n")


def badly_packed(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Content-Length: 4", "Content-Encoding: gzip") + b"none")


def busy(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Content-Length: 0", status="503 Service Unavailable"))


ANSWERS: dict[Speak, str] = {
    silent: r"no answer for 0.8 s",
    silent_within_the_head: r"no answer for 0.8 s",
    silent_within_the_body: r"no answer for 0.8 s",
    dripping_head: r"no whole answer within 1.6 s",
    dripping_body: r"no whole answer within 1.6 s",
    closed_at_once: r"nobody answers there, .* .connection refused, closed",
    closed_within_the_body: r"the answer broke off",
    closed_within_a_chunk: r"the answer broke off",
    closed_where_the_end_is_the_closing: r"does not answer as a DICOMweb service does",
    of_claimed_terabytes: r"the answer is larger than 20 kB",
    without_end: r"the answer is larger than 20 kB",
    packed_bomb: r"the answer is larger than 20 kB",
    nested: r"does not answer as a DICOMweb service does",
    in_a_circle: r"sends from one address to the next",
    not_http: r"nobody answers there",
    badly_packed: r"the answer broke off",
    busy: r"answers 503",
}


@pytest.mark.parametrize("speak", ANSWERS)
def test_a_list_that_does_not_come_is_told_in_one_sentence(tmp_path: Path, speak: Speak) -> None:
    with speaking(speak) as url, pytest.raises(InputError, match=ANSWERS[speak]) as told:
        fetch_study(connect(url), STUDY, tmp_path)
    assert str(told.value).startswith(url)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def image_bytes() -> bytes:
    buffer = BytesIO()
    phase_series("pv")[0].save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def study_of_one(image: Speak) -> Speak:
    """Answer the lists of a study of one image rightly, and the image by a function."""
    item = phase_series("pv")[0]

    def speak(connection: socket.socket, path: str, over: threading.Event) -> None:
        place, _, query = path.partition("?")
        if "/instances/" in place:
            image(connection, path, over)
        elif "offset=0" not in query:
            connection.sendall(whole(b"[]"))
        else:
            keys = {
                "0020000E": {"vr": "UI", "Value": [item.SeriesInstanceUID]},
                "00080018": {"vr": "UI", "Value": [item.SOPInstanceUID]},
                "00080060": {"vr": "CS", "Value": ["CT"]},
            }
            connection.sendall(whole(json.dumps([keys]).encode()))

    return speak


PARTS = 'multipart/related; type="application/dicom"; boundary=xyz'
START = b"--xyz\r\nContent-Type: application/dicom\r\n\r\n"


def part_cut_at(fraction: float, close: bytes = b"") -> Speak:
    body = image_bytes()

    def image(connection: socket.socket, path: str, over: threading.Event) -> None:
        connection.sendall(head("Connection: close", kind=PARTS))
        connection.sendall(START + body[: int(len(body) * fraction)] + close)

    return image


def bare_cut_at(fraction: float) -> Speak:
    body = image_bytes()
    cut = whole(body[: int(len(body) * fraction)], "application/dicom")
    return lambda connection, path, over: connection.sendall(cut)


def no_part(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(whole(b"--xyz--\r\n", PARTS))


def other_bytes(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(whole(START + b"DICM" * 100 + b"\r\n--xyz--\r\n", PARTS))


def too_large(connection: socket.socket, path: str, over: threading.Event) -> None:
    connection.sendall(head("Content-Length: 1000000", kind=PARTS) + START + b"x" * 300_000)
    over.wait(20)


IMAGES = {
    "silent": (silent, r"no answer for 0.8 s, fetching an image"),
    "too large": (too_large, r"the answer is larger than 200 kB"),
    "cut within its header": (part_cut_at(0.02), r"came as no DICOM|came cut off"),
    "cut within its pixels": (part_cut_at(0.7), r"came as no DICOM|came cut off"),
    "cut at its end": (part_cut_at(0.99999), r"came as no DICOM|came cut off"),
    "bare, cut within its pixels": (bare_cut_at(0.7), r"came as no DICOM|came cut off"),
    "bare, cut within its header": (bare_cut_at(0.02), r"came as no DICOM|came cut off"),
    "cut, then ended": (part_cut_at(0.7, b"\r\n--xyz--\r\n"), r"came as no DICOM|came cut off"),
    "no part": (no_part, r"came as no DICOM"),
    "other bytes": (other_bytes, r"came as no DICOM|another image came"),
}


@pytest.mark.parametrize("what", IMAGES)
def test_an_image_that_does_not_come_whole_is_not_there(tmp_path: Path, what: str) -> None:
    image, sentence = IMAGES[what]
    with speaking(study_of_one(image)) as url, pytest.raises(InputError, match=sentence) as told:
        fetch_study(connect(url), STUDY, tmp_path)
    assert str(told.value).startswith(url)
    assert "\n" not in str(told.value)
    assert [path.name[:7] for path in tmp_path.glob("fetched/*")] == [".study_"]
    assert list(tmp_path.glob("fetched/*/*")) == []


@pytest.mark.parametrize("image", [part_cut_at(1, b"\r\n--xyz--\r\n"), bare_cut_at(1)])
def test_the_same_image_comes_whole(tmp_path: Path, image: Speak) -> None:
    with speaking(study_of_one(image)) as url:
        folder = fetch_study(connect(url), STUDY, tmp_path)
    assert [path.name for path in folder.iterdir()] == [f"{phase_series('pv')[0].SOPInstanceUID}.dcm"]


def test_a_list_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.dicomweb.fetch._MOST", 20)

    def speak(connection: socket.socket, path: str, over: threading.Event) -> None:
        page = path.partition("offset=")[2]
        keys = {"0020000E": {"vr": "UI", "Value": [f"1.2.{page}"]}}
        connection.sendall(whole(json.dumps([keys]).encode()))

    with speaking(speak) as url, pytest.raises(InputError, match="lists more than 20"):
        fetch_study(connect(url), STUDY, tmp_path)


@pytest.mark.parametrize("speak", [silent, closed_within_the_body, without_end])
def test_a_result_that_may_not_be_stored_stays(tmp_path: Path, speak: Speak) -> None:
    path = tmp_path / "one_sr.dcm"
    path.write_bytes(image_bytes())
    with speaking(speak) as url, pytest.raises(InputError, match=ANSWERS[speak]):
        store_files(connect(url), [path])
    assert path.read_bytes() == image_bytes()


def test_a_study_that_dripped_does_not_spoil_the_next(tmp_path: Path) -> None:
    slow = threading.Event()

    def image(connection: socket.socket, path: str, over: threading.Event) -> None:
        if not slow.is_set():
            slow.set()
            dripping_body(connection, path, over)
        else:
            part_cut_at(1, b"\r\n--xyz--\r\n")(connection, path, over)

    with speaking(study_of_one(image)) as url:
        pacs = connect(url)
        with pytest.raises(InputError, match="no whole answer"):
            fetch_study(pacs, STUDY, tmp_path)
        assert fetch_study(pacs, STUDY, tmp_path).is_dir()


def test_what_breaks_off_or_is_busy_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_ATTEMPTS", 3)
    answers = [busy, closed_within_the_body, part_cut_at(1, b"\r\n--xyz--\r\n")]

    def image(connection: socket.socket, path: str, over: threading.Event) -> None:
        answers.pop(0)(connection, path, over)

    with speaking(study_of_one(image)) as url:
        assert fetch_study(connect(url), STUDY, tmp_path).is_dir()
    assert answers == []
