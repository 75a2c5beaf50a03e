"""Settings of the loss and of the training from the plans."""

from types import SimpleNamespace

import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.training.plans_settings import SETTINGS, read_settings

LOSS = {"alpha": 0.75, "gamma": 2.0, "a": 1.0, "b": 1.0}
TRAINING = {
    "learning_rate": 1e-3,
    "phase_dropout": 0.3,
    "misalignment": 0.2,
    "misalignment_ok_mm": 0.5,
    "misalignment_doubtful_mm": 3.0,
}
DEFAULTS = SimpleNamespace(**LOSS, **TRAINING)


def test_without_an_entry_the_defaults_hold():
    assert read_settings({"plans_name": "P"}, DEFAULTS) == {
        "multiphase_loss": LOSS,
        "multiphase_training": TRAINING,
    }


def test_the_plans_override_what_they_name():
    plans = {"multiphase_loss": {"alpha": 0.5, "b": 2}, "multiphase_training": {"phase_dropout": 0}}
    read = read_settings(plans, DEFAULTS)
    assert read["multiphase_loss"] == LOSS | {"alpha": 0.5, "b": 2.0}
    assert read["multiphase_training"] == TRAINING | {"phase_dropout": 0.0}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([0.5], "must be an object"),
        ({"beta": 1.0}, "alpha, gamma, a, b, but sets 'beta'"),
        ({"alpha": "0.5"}, "give alpha a number, but gives '0.5'"),
        ({"gamma": True}, "give gamma a number"),
        ({"b": float("nan")}, "give b a number, but gives nan"),
        ({"alpha": 75}, "give alpha a number from 0 to 1, but gives 75"),
        ({"gamma": -1}, "give gamma a number of 0 or more, but gives -1"),
    ],
)
def test_another_entry_is_refused_with_a_sentence(value: object, sentence: str):
    with pytest.raises(InputError, match=sentence):
        read_settings({"multiphase_loss": value}, DEFAULTS)


@pytest.mark.parametrize("entry", SETTINGS)
def test_every_entry_is_checked(entry: str):
    with pytest.raises(InputError, match=f'"{entry}" may set {SETTINGS[entry][0]}'):
        read_settings({entry: {"beta": 1.0}}, DEFAULTS)


@pytest.mark.parametrize(
    "key", ["multiphase_losses", "multiphase", "MultiPhase_loss", "multi_phase-training"]
)
def test_a_misspelt_entry_is_refused_with_the_known_ones(key: str):
    with pytest.raises(InputError, match=f'"{key}" is not known.*multiphase_loss, multiphase_training'):
        read_settings({key: {"alpha": 0.5}}, DEFAULTS)


@pytest.mark.parametrize(
    ("configuration", "place"),
    [
        ({"multiphase_loss": {"alpha": 0.5}}, "configurations, 3d_fullres"),
        ({"architecture": {"multiphase_training": {}}}, "configurations, 3d_fullres, architecture"),
    ],
)
def test_an_entry_within_a_configuration_is_refused_with_its_place(configuration: dict, place: str):
    plans = {
        "plans_name": "P",
        "configurations": {"2d": {}, "3d_fullres": {"batch_size": 2, **configuration}},
    }
    with pytest.raises(InputError, match=rf"in {place}, where nobody reads it.*top level"):
        read_settings(plans, DEFAULTS)


def test_a_configuration_may_be_called_multiphase():
    assert read_settings(
        {"configurations": {"multiphase_fine": {"batch_size": 2}}}, DEFAULTS
    ) == read_settings({}, DEFAULTS)
