"""Speak to a DICOMweb service, and say in a sentence what is in the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nnunet_multiphase.dicomweb.access import (
    TOKEN,
    bearer,
    refuse_unusable_certificates,
    told_of_login,
    told_of_tls,
)
from nnunet_multiphase.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

_TIMEOUT_S = 60.0  # without a byte
_LONGEST_S = 600.0  # for a whole answer: 1 MB/s bring an image of 500 frames
_PAUSE_S = 0.5  # before it is asked a second time
_LARGEST_LIST = 64_000_000  # bytes: the images of a study, 1 kB each
_LARGEST_IMAGE = 2_000_000_000


@dataclass(frozen=True)
class Service:
    """Hold the address of a DICOMweb service and what speaks to it."""

    url: str
    client: Any


def connect(url: str) -> Service:
    """Make ready to speak to a service; nothing is sent yet.

    A token comes from the variable DICOMWEB_TOKEN, which counts first, user name and password from ~/.netrc, the
    certificates of a hospital's own authority from the file in REQUESTS_CA_BUNDLE.

    Args:
        url: Root of the service, such as http://host:8042/dicom-web.

    Raises:
        InputError: No such URL, dicomweb-client is not installed, or there are no certificates where some are named.
    """
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port
        plain = False
    if not plain:
        raise InputError(
            f"--dicomweb {url}: expected the http or https address of a DICOMweb service, such as "
            "http://localhost:8042/dicom-web"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            "--dicomweb: the address must not hold a password or a query, as it is shown: put user name and password into "
            f"~/.netrc, or a token into the variable {TOKEN}"
        )
    missing = [name for name in ("pydicom", "highdicom", "dicomweb_client") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"--dicomweb needs {' and '.join(missing)}, which this environment lacks: "
            'run pip install "nnunet-multiphase[dicomweb]"'
        )
    if parts.scheme == "https":
        refuse_unusable_certificates()
    from dicomweb_client.web import DICOMwebClient

    from nnunet_multiphase.dicomweb.session import BoundedSession, Bounds

    session = BoundedSession(Bounds(_LONGEST_S, _LARGEST_LIST, _LARGEST_IMAGE, _PAUSE_S))
    if token := os.environ.get(TOKEN):
        session.auth = bearer(token)
    client = DICOMwebClient(url.rstrip("/"), session=session, timeout=_TIMEOUT_S)
    client.set_http_retry_params(retry=False)  # the session asks again, also where an answer breaks off
    return Service(url, client)


@contextmanager
def told(service: Service, what: str, *, absent: str = "") -> Iterator[None]:
    """Turn what goes wrong in a block into one sentence.

    Args:
        service: Whom the block speaks to.
        what: What is asked of it, such as "asking for the study".
        absent: What 404 means here.

    Raises:
        InputError: The service cannot be reached, refuses, or does not answer as DICOMweb.
    """
    import requests
    from urllib3.exceptions import ReadTimeoutError

    from nnunet_multiphase.dicomweb.session import TooLargeError, TooSlowError

    url = service.url
    try:
        yield
    except TooSlowError as error:
        raise InputError(
            f"{url}: no whole answer within {_LONGEST_S:g} s, {what}; try again later"
        ) from error
    except TooLargeError as error:
        raise InputError(
            f"{url}: the answer is larger than {error.args[0] / 1000:g} kB, which none needs to be, {what}; "
            "ask those who run it"
        ) from error
    except requests.exceptions.SSLError as error:
        raise InputError(told_of_tls(error, url)) from error
    except requests.exceptions.Timeout as error:
        raise InputError(_silent(url, what)) from error
    except (
        requests.exceptions.JSONDecodeError,
        RecursionError,
    ) as error:  # brackets within brackets without end
        raise InputError(_no_dicomweb(url)) from error
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
        raise InputError(f"{url}: the answer broke off, {what}; try again later") from error
    except requests.exceptions.TooManyRedirects as error:
        raise InputError(
            f"{url} sends from one address to the next without end, {what}; ask those who run it"
        ) from error
    except requests.exceptions.ConnectionError as error:
        if any(isinstance(part, ReadTimeoutError) for part in error.args):  # within the body of an answer
            raise InputError(_silent(url, what)) from error
        raise InputError(
            f"{url}: nobody answers there, {what} (connection refused, closed, or no such host); check the address and that "
            "the service runs"
        ) from error
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise InputError(
                f"{url} answers {status} ({'log in' if status == 401 else 'forbidden'}), {what}: "
                f"{told_of_login(error.response, url)}"
            ) from error
        if status == 404 and absent:
            raise InputError(f"{url}: {absent}") from error
        raise InputError(f"{url} answers {status}, {what}; ask those who run it") from error
    except (TypeError, KeyError) as error:  # JSON of another kind
        raise InputError(_no_dicomweb(url)) from error
    except requests.exceptions.RequestException as error:
        raise InputError(f"{url}: {type(error).__name__}, {what}") from error


def parsed(service: Service, answer: Any) -> Dataset:
    """Read one answer of a search.

    Raises:
        InputError: It is none of DICOM's.
    """
    from pydicom import Dataset

    try:
        return Dataset.from_json(answer)
    except Exception as error:  # whatever pydicom trips over in other JSON
        raise InputError(_no_dicomweb(service.url)) from error


def _silent(url: str, what: str) -> str:
    return f"{url}: no answer for {_TIMEOUT_S:g} s, {what}; try again later"


def _no_dicomweb(url: str) -> str:
    return (
        f"{url} does not answer as a DICOMweb service does: expected its root, such as "
        "http://localhost:8042/dicom-web (Orthanc) or http://host/dcm4chee-arc/aets/DCM4CHEE/rs"
    )
