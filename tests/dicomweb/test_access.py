"""Logins and certificates: what is shown to the service, and what is said where it is not taken or not trusted."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from served import STUDY, Answer, always, serving

pytest.importorskip("dicomweb_client")

from nnunet_multiphase.dicomweb.access import told_of_tls
from nnunet_multiphase.dicomweb.fetch import fetch_study
from nnunet_multiphase.dicomweb.service import connect
from nnunet_multiphase.errors import InputError

LOGIN = "machine 127.0.0.1 login me password secret\n"


@pytest.fixture(autouse=True)
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of the file of logins, which is not there yet."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("DICOMWEB_TOKEN", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("nnunet_multiphase.dicomweb.service._PAUSE_S", 0.001)
    return tmp_path / "netrc"


def told(url: str, tmp_path: Path) -> str:
    with pytest.raises(InputError) as error:
        fetch_study(connect(url), STUDY, tmp_path / "out")
    assert "secret" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("token", "login", "status", "sentence"),
    [
        ("", LOGIN, 401, "the user name and password that ~/.netrc has for 127.0.0.1 are not taken"),
        ("secret", "", 401, "the token in DICOMWEB_TOKEN is not taken: it may have expired"),
        ("", "machne 127.0.0.1 login me password secret\n", 401, "netrc cannot be read: line 1 is no login"),
        ("", LOGIN, 403, "the user in ~/.netrc may not do this: use another, or ask those who run it"),
        ("secret", "", 403, "the token in DICOMWEB_TOKEN may not do this"),
        ("", LOGIN.replace("127.0.0.1", "other"), 401, "put the user name and password for 127.0.0.1 into"),
    ],
)
def test_a_login_that_is_not_taken_is_told_as_such(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logins: Path,
    token: str,
    login: str,
    status: int,
    sentence: str,
) -> None:
    monkeypatch.setenv("DICOMWEB_TOKEN", token)
    logins.write_text(login)
    with serving(always(status)) as url:
        assert sentence in told(url, tmp_path)


def test_a_token_counts_before_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logins: Path) -> None:
    """requests itself replaces a header by what ~/.netrc has for the host."""
    shown: list[str] = []

    def answer(path: str, headers: dict[str, str]) -> Answer:
        shown.append(headers.get("Authorization", ""))
        return 200, "application/dicom+json", b"[]"

    logins.write_text(LOGIN)
    monkeypatch.setenv("DICOMWEB_TOKEN", "of-today")
    with serving(answer) as url:
        told(url, tmp_path)
    assert set(shown) == {"Bearer of-today"}


def test_plain_http_at_an_https_address_is_told(tmp_path: Path) -> None:
    with serving(always(200)) as url:
        told_there = told(url.replace("http://", "https://"), tmp_path)
    assert "does not speak https: expected http://" in told_there


@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_file_without_certificates_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    sentence = "which is not there" if content is None else "which holds no certificates"
    with pytest.raises(InputError, match=f"REQUESTS_CA_BUNDLE names .*authority.pem, {sentence}"):
        connect("https://127.0.0.1/dicom-web")
    connect("http://127.0.0.1/dicom-web")  # which needs none


@contextmanager
def serving_tls(folder: Path, host: str) -> Iterator[tuple[str, Path]]:
    """Serve 404 with a certificate of its own for a host; the address and the certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", f"subjectAltName={host}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/dicom-web", certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("IP:127.0.0.1", "it has no study"),
        ("DNS:pacs.example", "its certificate is for another host than 127.0.0.1"),
    ],
)
def test_a_certificate_is_told_by_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, sentence: str
) -> None:
    with serving_tls(tmp_path, host) as (url, certificate):
        assert "is not trusted here; name the file of your authority's certificates" in told(url, tmp_path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert sentence in told(url, tmp_path)


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        ("CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired", "has expired"),
        (
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer",
            "is not trusted",
        ),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", "(sslv3 alert handshake failure)"),
    ],
)
def test_openssls_words_are_told_in_ours(why: str, sentence: str) -> None:
    assert sentence in told_of_tls(ssl.SSLError(1, f"[SSL: {why} (_ssl.c:1006)"), "https://pacs/dicom-web")
