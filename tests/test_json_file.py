"""JSON that others wrote: whatever is wrong with it is one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.json_file import load_json, load_object


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"7"])
def test_what_is_no_record_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"record\.json .*: restore it") as raised:
        load_object(path, "restore it")
    assert str(raised.value).isprintable()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match="it is no file"):
        load_json(tmp_path / "pipe.json")


def test_a_record_is_read(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"a": [1]}')
    assert load_object(tmp_path / "record.json", "") == {"a": [1]}
