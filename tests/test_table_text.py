"""A table's header is the one that a spreadsheet shows, whatever signs are in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.table_text import read_table

SIGNS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\n", "\r\n", "\r"]
"""What Python's splitlines, but no spreadsheet, takes for the end of a line; and line breaks, which stand in quotes."""
SIGN = pytest.mark.parametrize("sign", SIGNS, ids=[repr(sign) for sign in SIGNS])
DELIMITER = pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])


@SIGN
@DELIMITER
def test_a_sign_in_the_header_hides_no_column(tmp_path: Path, sign: str, delimiter: str) -> None:
    other = ";" if delimiter == "," else ","
    header = delimiter.join([f'"note{other} of{other}{sign}the reader"', "case", "art"])
    table = tmp_path / "t.csv"
    table.write_bytes(f"{header}\nx{delimiter}a{delimiter}a.nii\n".encode())
    (row,) = read_table(table, ("case", "art")).rows
    assert (row["case"], row["art"]) == ("a", "a.nii")


def test_zero_bytes_are_no_text(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes("case,art\na,b\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="UTF-16"):
        read_table(table, ("case", "art"))
