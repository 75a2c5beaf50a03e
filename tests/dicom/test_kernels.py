"""Which kernels are for soft tissue: by the names that makers give, or the description where the tag is missing."""

from __future__ import annotations

import pytest

from nnunet_multiphase.dicom.kernels import is_soft, kernel_named, sharp_kernel


@pytest.mark.parametrize(
    "kernel", ["B10s", "B30f", "B46f", "Br36f 2", "Bv40", "I31f 3", "Qr40", "H31s", "FC08-H", "FC18"]
)
def test_soft_kernels_are_known(kernel: str) -> None:
    assert is_soft(kernel)
    assert sharp_kernel(kernel, "") == ""


@pytest.mark.parametrize(
    "kernel",
    [
        "B50f",
        "B80f",
        "Br59",
        "Bl57d",
        "Hr64",
        "Ur77u",
        "I70f 3",
        "D55f",
        "FC30",
        "FC52",
        "FC81",
        "LUNG",
        "EDGE",
    ],
)
def test_sharp_kernels_are_known(kernel: str) -> None:
    assert sharp_kernel(kernel, "") == "a lung or bone kernel, not a soft one"


@pytest.mark.parametrize("kernel", ["", "DETAIL", "C", "FC21", "FC43", "UB", "7", "new name"])
def test_nothing_is_claimed_of_other_kernels(kernel: str) -> None:
    assert not is_soft(kernel)
    assert sharp_kernel(kernel, "abdomen") == ""


@pytest.mark.parametrize(
    ("description", "kernel"),
    [
        ("Abd 5.0 B30f", "B30f"),
        ("PV 1.0 Br64 3", "Br64"),
        ("PV FC52 1.0", "FC52"),
        ("Ax50 Se60 T12", ""),
        ("CT Abdomen", ""),
    ],
)
def test_kernel_is_read_from_the_description_where_the_tag_is_missing(description: str, kernel: str) -> None:
    assert kernel_named("", description) == kernel
