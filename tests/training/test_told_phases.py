"""What dataset.json and plans say of the phases, and what of it cannot be followed."""

import numpy as np
import pytest

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phase_record import (
    refuse_altered_phases,
    refuse_other_fill,
    refuse_plans_of_other_phases,
    told_of_unknown_cases,
)


def record(**changes):
    return {"phases": ["nc", "art", "pv"], "reference_phase": {"x": "pv", "y": "pv"}} | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"phases": "nc art pv"}, "'nc art pv' for phases: expected a list of names"),
        ({"phases": ["nc", "pv", "pv"]}, r"names the phase pv twice \(nc, pv, pv\)"),
        ({"reference_phase": ["pv"]}, r"\['pv'\] for reference_phase: expected a record by case"),
        ({"reference_phase": {"x": ["pv"]}}, r"\['pv'\] in reference_phase of case x: expected one phase"),
        ({"filled": {"x": "art"}}, "'art' in filled of case x: expected a list of phases"),
        ({"filled": {"x": None}}, "None in filled of case x"),
        ({"filled": {"x": ["pv"]}}, "the reference of case x, pv, is filled"),
        ({"doubtful_registration": {"x": {"art": 1}}}, "in doubtful_registration of case x"),
        ({"registration_error_mm": {"x": None}}, "None in registration_error_mm of case x"),
        ({"registration_error_mm": {"x": ["art"]}}, "expected a length of 0 mm or more by phase"),
        *(
            ({"registration_error_mm": {"x": {"art": length}}}, "expected a length of 0 mm or more by phase")
            for length in (None, "x", -1.0, np.nan, np.inf, True)
        ),
    ],
)
def test_what_is_told_of_phases_in_another_form_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        refuse_altered_phases(record(**changes))


def test_what_setup_writes_and_what_it_leaves_out_is_taken():
    refuse_altered_phases(
        record(
            channel_names={"0": "CT", "1": "CT", "2": "CT"},
            filled={"x": ["art"]},
            doubtful_registration={},
            registration_error_mm={"y": {"art": 0, "nc": 1.2}},
        )
    )
    refuse_altered_phases({"phases": None, "filled": None})


def intensities(channels):
    return {"foreground_intensity_properties_per_channel": {str(c): {} for c in range(channels)}}


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        (
            ["pv", "art", "nc"],
            "made for the phases pv, art, nc, in this order, but dataset.json has nc, art, pv",
        ),
        (["nc", "art", "pv", "dl"], "made for the phases nc, art, pv, dl"),
    ],
)
def test_plans_of_other_phases_are_refused(phases, said):
    with pytest.raises(InputError, match=said):
        refuse_plans_of_other_phases({"phases": phases, **intensities(len(phases))}, record())


def test_plans_that_name_phases_are_refused_where_the_dataset_names_none():
    with pytest.raises(InputError, match="does not say which it has"):
        refuse_plans_of_other_phases({"phases": ["nc"]}, {"channel_names": {"0": "CT"}})


def test_older_plans_are_compared_by_the_number_of_their_channels():
    refuse_plans_of_other_phases(intensities(3), record())
    with pytest.raises(InputError, match=r"intensities of 4 channels, but dataset\.json has 3 phases"):
        refuse_plans_of_other_phases(intensities(4), record())
    refuse_plans_of_other_phases(intensities(4), {"channel_names": {"0": "CT"}})


def test_cases_without_a_reference_are_counted_and_one_is_named():
    assert told_of_unknown_cases(record(), ["x", "y"]) == ""
    assert told_of_unknown_cases(record(), ["z", "x", "a"]).startswith(
        "2 of 3 training cases have no reference phase in dataset.json, such as a"
    )
    assert told_of_unknown_cases(record(reference_phase={}), ["a"]) == ""


def test_training_cases_that_are_all_unknown_are_refused():
    with pytest.raises(InputError, match="for x and others, but for none of the 2 training cases, such as a"):
        told_of_unknown_cases(record(), ["b", "a"])


@pytest.mark.parametrize(
    ("filled", "constant", "said"),
    [
        ({}, {"x": [1]}, r'case x: phase art holds one value .* add "x": \["art"\]'),
        ({"x": ["art"]}, {"x": []}, "case x: dataset.json lists phase art in filled"),
        ({"x": ["nc"]}, {"x": [0, 1]}, "case x: phase art holds one value"),
        ({}, {"y": [2]}, "case y: its reference phase pv holds one value"),
    ],
)
def test_filled_phases_are_those_that_hold_one_value(filled, constant, said):
    with pytest.raises(InputError, match=said):
        refuse_other_fill(record(filled=filled), constant)


def test_filled_phases_of_other_cases_and_of_unknown_datasets_are_not_judged():
    refuse_other_fill(record(filled={"x": ["art"], "test_case": ["nc"]}), {"x": [1], "y": []})
    refuse_other_fill({"channel_names": {"0": "CT"}}, {"x": [0]})
