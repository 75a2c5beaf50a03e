"""Alpha, gamma, a and b from the plans."""

import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.loss_settings import loss_settings

DEFAULTS = {"alpha": 0.75, "gamma": 2.0, "a": 1.0, "b": 1.0}


def test_without_an_entry_the_defaults_hold():
    assert loss_settings({"plans_name": "P"}, DEFAULTS) == DEFAULTS


def test_the_plans_override_what_they_name():
    assert loss_settings({"multiphase_loss": {"alpha": 0.5, "b": 2}}, DEFAULTS) == {
        "alpha": 0.5,
        "gamma": 2.0,
        "a": 1.0,
        "b": 2.0,
    }


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ([0.5], "must be an object"),
        ({"beta": 1.0}, "alpha, gamma, a, b, but sets 'beta'"),
        ({"alpha": "0.5"}, "give alpha a number, but gives '0.5'"),
        ({"gamma": True}, "give gamma a number"),
        ({"b": float("nan")}, "give b a number, but gives nan"),
    ],
)
def test_another_entry_is_refused_with_a_sentence(entry: object, sentence: str):
    with pytest.raises(InputError, match=sentence):
        loss_settings({"multiphase_loss": entry}, DEFAULTS)
