"""Bound what a service may answer, in time and in size, and ask again where that may help.

requests' own time limit counts anew with each byte that comes: a service that drips would hold an unattended run for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from typing import Any

import requests

_ATTEMPTS = 3
_PASSING = (408, 429, 502, 503, 504)
"""HTTP status that may be another a moment later."""
_PASSING_ERRORS = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.Timeout,
)


class TooSlowError(requests.exceptions.RequestException):
    """The whole answer took too long."""


class TooLargeError(requests.exceptions.RequestException):
    """The answer has more bytes than one of its kind can need."""


@dataclass(frozen=True)
class Bounds:
    """Hold how long one waits and how much one takes.

    Attributes:
        answer_s: For the whole answer to a request.
        list_bytes: For what is no image, unpacked.
        image_bytes: For an answer in parts, as images come.
        pause_s: Before the second attempt; twice as long before the third.
    """

    answer_s: float
    list_bytes: int
    image_bytes: int
    pause_s: float


class BoundedSession(requests.Session):
    """Send requests and give answers that have come whole, within bounds."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self.bounds = bounds
        self.hooks["response"].append(self._bounded)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, three times where the answer is that of a busy or broken connection.

        Raises:
            TooSlowError: The answer did not come whole in time.
            TooLargeError: It is larger than it can need to be.
        """
        if not kwargs.get("allow_redirects", True):  # requests following a redirection, within a request
            return super().send(request, **kwargs)
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                response = self._sent(request, kwargs)
            except _PASSING_ERRORS:
                if last:
                    raise
            else:
                if last or response.status_code not in _PASSING:
                    return response
            time.sleep(self.bounds.pause_s * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _sent(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        """Send in a thread of its own, which is left to itself if it takes too long: nothing ends it from outside."""
        answer: Future[requests.Response] = Future()

        def send() -> None:
            try:
                answer.set_result(super(BoundedSession, self).send(request, **kwargs))
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=send, daemon=True).start()
        try:
            return answer.result(timeout=self.bounds.answer_s)
        except NotYetError as error:
            raise TooSlowError from error

    def _bounded(self, response: requests.Response, **_: Any) -> None:
        """Count the bytes of an answer while they come; requests calls this when the head has come."""
        parts = (
            response.headers.get("Content-Type", "").lower().startswith(("multipart/", "application/dicom;"))
        )
        image = parts or response.headers.get("Content-Type", "").lower() == "application/dicom"
        most = self.bounds.image_bytes if image else self.bounds.list_bytes
        claimed = response.headers.get("Content-Length", "")
        if claimed.isdecimal() and int(claimed) > most:
            response.close()
            raise TooLargeError(most)
        pieces = response.raw.stream

        def counted(*arguments: Any, **options: Any) -> Iterator[bytes]:
            taken = 0
            for piece in pieces(*arguments, **options):
                taken += len(piece)
                if taken > most:
                    response.close()
                    raise TooLargeError(most)
                yield piece

        response.raw.stream = counted
