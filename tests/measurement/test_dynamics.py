"""Enhancement and washout, by hand."""

from __future__ import annotations

import pytest

from nnunet_multiphase.measurement.dynamics import dynamics
from nnunet_multiphase.measurement.record import Attenuation


def means(**hu: float) -> dict[str, Attenuation]:
    return {phase: Attenuation(value, 5.0, 100) for phase, value in hu.items()}


def test_enhancement_is_what_the_contrast_agent_added() -> None:
    assert dynamics(means(nc=40, art=110, pv=95), {}).enhancement_hu == {"art": 70.0, "pv": 55.0}
    assert dynamics(means(art=110, pv=95), {}).enhancement_hu == {}


def test_washout_percentages_by_hand() -> None:
    found = dynamics(means(nc=40, art=120, pv=100, dl=80), {})
    assert found.absolute_washout_percent == pytest.approx(100 * (120 - 80) / (120 - 40))
    assert found.relative_washout_percent == pytest.approx(100 * (120 - 80) / 120)


def test_without_the_delayed_phase_washout_is_of_the_portal_venous_one() -> None:
    assert dynamics(means(nc=40, art=120, pv=100), {}).absolute_washout_percent == pytest.approx(25.0)


@pytest.mark.parametrize("lesion", [{"nc": 40, "art": 45, "dl": 44}, {"nc": 40, "pv": 90, "dl": 60}])
def test_what_hardly_enhances_or_has_no_arterial_phase_has_no_absolute_washout(
    lesion: dict[str, float],
) -> None:
    assert dynamics(means(**lesion), {}).absolute_washout_percent is None


@pytest.mark.parametrize(
    ("lesion", "around", "hyper", "washout"),
    [
        ({"nc": 40, "art": 110, "pv": 90, "dl": 70}, {"nc": 50, "art": 70, "pv": 110, "dl": 95}, True, True),
        ({"nc": 40, "art": 70, "pv": 85, "dl": 80}, {"nc": 50, "art": 70, "pv": 110, "dl": 95}, False, True),
        (
            {"nc": 20, "art": 25, "pv": 30, "dl": 28},
            {"nc": 55, "art": 60, "pv": 65, "dl": 63},
            False,
            False,
        ),  # no fall
        (
            {"nc": 75, "art": 85, "pv": 120},
            {"nc": 50, "art": 70, "pv": 110},
            False,
            False,
        ),  # bright before contrast
        ({"art": 110, "pv": 112}, {"art": 70, "pv": 110}, True, False),
        # a cyst, beside which the liver brightens; the same without nc, where it could be tissue of little contrast
        (
            {"nc": 15, "art": 17, "pv": 20, "dl": 18},
            {"nc": 47, "art": 57, "pv": 98, "dl": 82},
            False,
            False,
        ),
        ({"art": 17, "pv": 20}, {"art": 57, "pv": 98}, False, None),
        ({"art": 55, "pv": 70}, {"art": 60, "pv": 105}, False, True),  # it took contrast agent up
        ({"nc": 40, "pv": 80}, {"nc": 50, "pv": 110}, None, None),
        ({"art": 110}, {"art": 70}, True, None),
        ({"art": 110, "pv": 80}, {}, None, None),
    ],
)
def test_terms_hold_where_the_lesion_differs_plainly_from_the_liver_around_it(
    lesion: dict[str, float], around: dict[str, float], hyper: bool | None, washout: bool | None
) -> None:
    found = dynamics(means(**lesion), means(**around))
    assert (found.arterial_hyperenhancement, found.washout) == (hyper, washout)


@pytest.mark.parametrize(("art", "hyper"), [(79.9, False), (80.0, True)])
def test_ten_hu_are_plain(art: float, hyper: bool) -> None:
    assert dynamics(means(art=art), means(art=70.0)).arterial_hyperenhancement is hyper
