"""Log in to a DICOMweb service and trust its certificate, and say what is amiss with either."""

from __future__ import annotations

import os
import ssl
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nnunet_multiphase.errors import InputError

TOKEN = "DICOMWEB_TOKEN"
"""Environment variable with a token to be shown to the service (OAuth's bearer)."""

_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # in the order that requests looks at them


def refuse_unusable_certificates() -> None:
    """Refuse a variable for certificates that names nothing that holds some.

    Raises:
        InputError: It names no file or folder, or a file without certificates.
    """
    name = next((name for name in _AUTHORITIES if os.environ.get(name)), "")
    if not name:
        return
    path = Path(os.environ[name])
    if not path.exists():
        raise InputError(f"the variable {name} names {path}, which is not there: correct it, or unset it")
    if path.is_file():
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except (ssl.SSLError, OSError) as error:
            raise InputError(
                f"the variable {name} names {path}, which holds no certificates: expected a file of PEM blocks, as your "
                "authority gives it (-----BEGIN CERTIFICATE-----)"
            ) from error


def bearer(token: str) -> Any:
    """Make what shows a token with each request; a login in ~/.netrc for the same host does not take its place."""

    def show(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return show


def told_of_tls(error: BaseException, url: str) -> str:
    """Say why there is no connection by TLS.

    Args:
        error: As requests raises it.
        url: The service's.
    """
    why = str(error)
    if "CERTIFICATE_VERIFY_FAILED" not in why:
        if any(sign in why for sign in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")):
            return f"{url}: what answers there does not speak https: expected http://, or the port that does speak https"
        return f"{url}: no safe connection could be agreed on ({_reason(why)}); ask those who run it"
    if "mismatch" in why or "doesn't match" in why:
        return (
            f"{url}: its certificate is for another host than {urlsplit(url).hostname}: use the host's name as the "
            "certificate has it"
        )
    if "expired" in why or "not yet valid" in why:
        return f"{url}: its certificate has expired or is not valid yet: see this machine's clock, or ask those who run it"
    return (
        f"{url}: its certificate is not trusted here; name the file of your authority's certificates in the variable "
        "REQUESTS_CA_BUNDLE"
    )


def told_of_login(response: Any, url: str) -> str:
    """Say what to do about status 401 or 403, by what was shown to the service."""
    host = urlsplit(url).hostname
    shown = str(response.request.headers.get("Authorization", "")).partition(" ")[0]
    if response.status_code == 403 and shown:
        whose = f"the token in {TOKEN}" if shown == "Bearer" else "the user in ~/.netrc"
        return f"{whose} may not do this: use another, or ask those who run it"
    if shown == "Bearer":
        return f"the token in {TOKEN} is not taken: it may have expired; get a new one"
    if shown:
        return f"the user name and password that ~/.netrc has for {host} are not taken: correct them"
    return f"put the user name and password for {host} into ~/.netrc, or a token into the variable {TOKEN}{_netrc_problem()}"


def _netrc_problem() -> str:
    """Say that there is a file of logins, and why it is not read; the empty text: there is none, or nothing is wrong."""
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    if not path.is_file():
        return ""
    try:
        netrc(str(path))
    except NetrcParseError as error:
        return f" ({path} cannot be read: line {error.lineno} is no login; expected machine HOST login NAME password WORD)"
    except OSError:
        return f" ({path} cannot be read)"
    return ""


def _reason(why: str) -> str:
    """Take OpenSSL's own words out of an error's text."""
    inner = why.partition("[SSL")[2].partition("]")[2].partition("(_ssl")[0].strip(" :'\")")
    return inner or "TLS"
