"""Phases of one patient in several studies: joined on request, and told when it would help."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from dicom_phantom import lesion_mask, make_seg, phase_series, save, uid

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom_import.import_tree import Summary, import_tree

pytestmark = pytest.mark.slow


def save_study(
    tree: Path, study: str, phase: str, day: str = "20210304", patient: str = "P1", **tags: str
) -> None:
    """Write one phase as a study of its own, with an accession number of its own."""
    save(
        phase_series(
            phase,
            description=phase,
            patient=patient,
            study=study,
            StudyDate=day,
            AcquisitionDate=day,
            ContentDate=day,
            AccessionNumber=study,
            **tags,
        ),
        tree,
    )


def imported(tmp_path: Path, **options: bool) -> Summary:
    return import_tree(tmp_path / "tree", tmp_path / "raw", **options)  # type: ignore[arg-type]


def cases(tmp_path: Path) -> dict[str, list[str]]:
    """Give each case's files."""
    return {
        folder.name: sorted(path.name.removesuffix(".nii.gz") for path in folder.iterdir())
        for folder in sorted((tmp_path / "raw").iterdir())
        if folder.is_dir()
    }


def key_file(tmp_path: Path) -> dict[str, str]:
    with (tmp_path / "raw_pseudonyms.csv").open(newline="") as stream:
        return {row["StudyInstanceUID"]: row["case"] for row in csv.DictReader(stream)}


def test_studies_of_one_day_become_one_case(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art")
    save_study(tmp_path / "tree", "B", "pv")
    assert imported(tmp_path, join_studies=True).failures == ()
    assert cases(tmp_path) == {"patient_001": ["art", "pv"]}
    assert (tmp_path / "raw" / "patients.csv").read_text().split() == [
        "case,patient",
        "patient_001,patient_001",
    ]
    assert key_file(tmp_path) == {uid("P1", "A"): "patient_001", uid("P1", "B"): "patient_001"}


def test_without_the_option_it_is_said_that_it_would_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_study(tmp_path / "tree", "A", "art")
    save_study(tmp_path / "tree", "B", "pv")
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw")]) == 0
    both = sorted(cases(tmp_path).items())
    assert sorted(files for _, files in both) == [["art"], ["pv"]]
    told = capsys.readouterr().err
    assert "are studies of one patient and day: --join-studies makes one case of them" in told
    assert main(["import-dicom", str(tmp_path / "tree"), str(tmp_path / "raw2"), "--join-studies"]) == 0
    assert "--join-studies" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("day", "patient", "count"),
    [
        ("20210304", "P1", 1),
        ("20210305", "P1", 1),  # past midnight
        ("20210306", "P1", 2),
        ("20210604", "P1", 2),  # a follow-up
        ("20210304", "P2", 2),
        ("", "P1", 2),
    ],
)
def test_only_studies_of_one_patient_and_day_are_joined(
    day: str, patient: str, count: int, tmp_path: Path
) -> None:
    save_study(tmp_path / "tree", "A", "art")
    save_study(tmp_path / "tree", "B", "pv", day, patient)
    assert len(imported(tmp_path, join_studies=True).written) == count


def test_nobody_without_patient_id_is_joined(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art", patient="")
    save_study(tmp_path / "tree", "B", "pv", patient="")
    assert len(imported(tmp_path, join_studies=True).written) == 2


def test_days_do_not_add_up(tmp_path: Path) -> None:
    for study, phase, day in (("A", "nc", "04"), ("B", "art", "05"), ("C", "pv", "06")):
        save_study(tmp_path / "tree", study, phase, f"202103{day}")
    imported(tmp_path, join_studies=True)
    assert cases(tmp_path) == {"patient_001": ["art", "nc"], "patient_001_2": ["pv"]}


def test_two_whole_examinations_of_a_day_go_without_a_word(tmp_path: Path) -> None:
    for study in ("A", "B"):
        save_study(tmp_path / "tree", study, "pv")
    assert not any("--join-studies" in remark for remark in imported(tmp_path).remarks)


def test_names_stay_when_studies_are_joined_later(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art")
    save_study(tmp_path / "tree", "B", "pv")
    save_study(tmp_path / "tree", "later", "pv", "20220101")
    imported(tmp_path)
    before = key_file(tmp_path)
    assert sorted(before.values()) == ["patient_001", "patient_001_2", "patient_001_3"]
    summary = imported(tmp_path, join_studies=True)
    assert cases(tmp_path) == {"patient_001": ["art", "pv"], "patient_001_3": ["pv"]}
    assert key_file(tmp_path)[uid("P1", "later")] == before[uid("P1", "later")]
    assert any(
        "case patient_001_2: joined to patient_001; what an earlier import wrote of it was removed" in remark
        for remark in summary.remarks
    )


def test_what_was_joined_stays_joined_and_new_studies_get_free_numbers(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art")
    save_study(tmp_path / "tree", "B", "pv")
    imported(tmp_path, join_studies=True)
    save_study(tmp_path / "tree", "later", "pv", "20220101")
    imported(tmp_path)
    assert cases(tmp_path) == {"patient_001": ["art", "pv"], "patient_001_2": ["pv"]}


def test_a_joined_case_without_one_of_its_studies_is_said(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art")
    save_study(tmp_path / "tree", "B", "pv")
    imported(tmp_path, join_studies=True)
    save_study(tmp_path / "half", "B", "pv")
    remarks = import_tree(tmp_path / "half", tmp_path / "raw").remarks
    assert any(
        "case patient_001: it was joined from several studies, of which some are not in this tree" in remark
        for remark in remarks
    )


def test_mask_of_one_study_comes_along(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art")
    items = phase_series("pv", description="pv", study="B")
    save([*items, make_seg(items, {"Mass": lesion_mask()})], tmp_path / "tree")
    assert imported(tmp_path, join_studies=True).failures == ()
    assert cases(tmp_path) == {"patient_001": ["art", "lesions_pv", "pv"]}


WOMAN = {"PatientSex": "F", "PatientBirthDate": "19500101", "PatientAge": "071Y"}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"PatientSex": "M"}, "sex"),
        ({"PatientBirthDate": "19810101"}, "birth date"),
        ({"PatientAge": "040Y"}, "age"),
        ({"PatientSex": "M", "PatientBirthDate": "19810101"}, "sex and birth date"),
        ({"IssuerOfPatientID": "another hospital"}, "issuer of the patient's ID"),
        ({"PatientName": "Another^Person"}, "name"),
    ],
)
def test_studies_that_disagree_about_the_person_are_not_joined(
    other: dict[str, str], what: str, tmp_path: Path
) -> None:
    woman = WOMAN | {"IssuerOfPatientID": "this hospital"}
    save_study(tmp_path / "tree", "A", "art", patient="ANONYMOUS", **woman)
    save_study(tmp_path / "tree", "B", "pv", patient="ANONYMOUS", **woman | other)
    summary = imported(tmp_path, join_studies=True)
    assert sorted(cases(tmp_path).values()) == [["art"], ["pv"]]
    (refused,) = [remark for remark in summary.remarks if "does not join them" in remark]
    assert f"disagree in {what}: " in refused
    assert not any(value in " ".join(summary.remarks) for value in ("1950", "1981", "071", "040", "another"))


def test_a_join_of_different_people_is_not_offered(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art", patient="ANONYMOUS", **WOMAN)
    save_study(tmp_path / "tree", "B", "pv", patient="ANONYMOUS", PatientSex="M")
    remarks = imported(tmp_path).remarks
    assert not any("--join-studies makes one case" in remark for remark in remarks)
    (mixed,) = [remark for remark in remarks if "different people" in remark]
    assert "patient patient_001: the 2 studies of this PatientID disagree in sex, " in mixed


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"PatientSex": "", "PatientBirthDate": "", "PatientAge": ""},
        {"PatientSex": "O", "PatientBirthDate": "1950", "PatientAge": "71"},
        {"PatientSex": "F ", "PatientAge": "072Y"},
        {"PatientAge": "860M"},
        {"PatientName": "DOE JANE^M"},
    ],
)
def test_what_is_empty_or_nearly_alike_is_no_disagreement(other: dict[str, str], tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art", **WOMAN)
    save_study(tmp_path / "tree", "B", "pv", **other)
    summary = imported(tmp_path, join_studies=True)
    assert cases(tmp_path) == {"patient_001": ["art", "pv"]}
    assert not any("people" in remark for remark in summary.remarks)


def test_an_older_patient_at_a_follow_up_is_no_other(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "pv", **WOMAN)
    save_study(tmp_path / "tree", "B", "pv", "20250304", **WOMAN | {"PatientAge": "075Y"})
    assert not any("people" in remark for remark in imported(tmp_path).remarks)


def test_one_study_uid_for_two_people_is_no_case(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art", PatientSex="F")
    save(
        phase_series("pv", description="pv", study="A", PatientSex="M", StudyDate="20210304"),
        tmp_path / "tree",
    )
    summary = imported(tmp_path)
    assert summary.written == ()
    assert "case patient_001: its images disagree in sex, so that they may be" in summary.failures[0]


def test_one_study_uid_for_two_names_is_no_case(tmp_path: Path) -> None:
    """Constants of a de-identification: PatientID and StudyInstanceUID; the names are two people's."""
    save_study(tmp_path / "tree", "A", "art", PatientName="Case^A")
    save_study(tmp_path / "tree", "A", "pv", PatientName="Case^B")
    summary = imported(tmp_path)
    assert summary.written == ()
    assert "case patient_001: its images disagree in name, so that they may be" in summary.failures[0]
    assert "Case" not in " ".join((*summary.failures, *summary.remarks))


def test_one_study_under_two_spellings_of_a_name_is_a_case(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "art", PatientName="MUELLER^JANE")
    save_study(tmp_path / "tree", "A", "pv", PatientName="Müller^Jane^M", SpecificCharacterSet="ISO_IR 192")
    summary = imported(tmp_path)
    assert (summary.written, summary.failures) == (("patient_001",), ())


def test_a_name_that_changed_until_the_follow_up_is_no_other_person(tmp_path: Path) -> None:
    save_study(tmp_path / "tree", "A", "pv", **WOMAN)
    save_study(tmp_path / "tree", "B", "pv", "20250304", PatientName="Roe^Jane", PatientSex="F")
    assert not any("people" in remark for remark in imported(tmp_path).remarks)


def test_single_images_of_two_people_are_not_one_study(tmp_path: Path) -> None:
    for sex in "FM":
        images = phase_series("pv", description="pv", series=sex, PatientSex=sex)
        for n, image in enumerate(images):
            image.StudyInstanceUID = uid(sex, n)
        save(images, tmp_path / "tree")
    assert len(imported(tmp_path).written) == 2
