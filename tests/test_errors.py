"""How errors are said: bad input in its own words, what nobody foresaw with its kind and where it came up."""

import logging

import numpy as np
import pytest
import SimpleITK as sitk

from nnunet_multiphase.alignment.align import bounding_box
from nnunet_multiphase.errors import InputError, told_unexpected


def test_bad_input_is_said_in_its_own_words() -> None:
    assert told_unexpected(InputError("case a:\nno phase")) == "case a:\\nno phase"


def test_what_nobody_foresaw_says_its_kind_and_our_line(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(IndexError) as raised, caplog.at_level(logging.DEBUG):
        bounding_box(np.zeros((2, 2, 2), bool))  # its contract: at least one voxel
    with caplog.at_level(logging.DEBUG):
        told = told_unexpected(raised.value)
    assert told.startswith("IndexError: index 0 is out of bounds")
    assert "(align.py, line " in told
    assert "Traceback" in caplog.text


def test_a_librarys_own_error_says_what_the_library_did() -> None:
    with pytest.raises(RuntimeError) as raised:
        sitk.ReadImage("there is no such file.nii")
    told = told_unexpected(raised.value)
    assert told.startswith("RuntimeError: ")
    assert "\n" not in told
