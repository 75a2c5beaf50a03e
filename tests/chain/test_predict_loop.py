"""Several patients in one command: what one of them brings up costs the others nothing."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnunet_multiphase import prediction
from nnunet_multiphase.cli.main import main
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.patients.shared_volumes import SharedVolumes
from nnunet_multiphase.prediction import find_model_folder, trained_folds
from nnunet_multiphase.prediction.not_predicted import forget_failure, note_failures
from nnunet_multiphase.prediction.write import place_files
from nnunet_multiphase.report.patient_index import write_patient_index

CHECKPOINT = "checkpoint_final.pth"

FAILURES = [
    (ValueError("zero-size array\n to reduction"), "case one: ValueError: zero-size array to reduction"),
    (AssertionError(), "case one: AssertionError"),
    (ZeroDivisionError("float division"), "case one: ZeroDivisionError: float division"),
    (IndexError("out of bounds"), "case one: IndexError: out of bounds"),
    (MemoryError(), "case one: MemoryError"),
    (KeyError("spacing"), "case one: KeyError: 'spacing'"),
    (RuntimeError("CUDA out of memory"), "case one: RuntimeError: CUDA out of memory"),
    (OSError("No space left"), "case one: No space left"),
    (InputError("case one: too thin"), "case one: too thin"),
    (InputError("x.nii.gz is cut off"), "case one: x.nii.gz is cut off"),
    (CohortError(["case one: no pv", "case one: no art"]), "case one: no pv; case one: no art"),
]


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `predict` on the patients one, two with a stand-in for the model: it raises what it is told to."""

    def run(problems: dict[str, BaseException], *options: str, verdict: str = "ok") -> int:
        def stand_in(_predictor: object, case: Path, output: Path, **_: object) -> SimpleNamespace:
            if case.name in problems:
                raise problems[case.name]
            output.mkdir(exist_ok=True)
            (output / f"{case.name}.nii.gz").touch()
            return SimpleNamespace(aligned=SimpleNamespace(results={"art": SimpleNamespace(verdict=verdict)}))

        model = SimpleNamespace(record={"labels": {"background": 0, "lesion": 1}})
        monkeypatch.setattr(prediction, "load_for_runtime", lambda *_, **__: model)
        monkeypatch.setattr(prediction, "prepare_for", lambda _model, case, **_: case)
        monkeypatch.setattr(SharedVolumes, "told", lambda _, case: case)  # of a case that nobody prepared
        monkeypatch.setattr(prediction, "predict_case", stand_in)
        monkeypatch.setattr(prediction, "prediction_summary", lambda _: "done")
        for name in ("one", "two"):
            (tmp_path / name).mkdir(exist_ok=True)
        cases = [str(tmp_path / name) for name in ("one", "two")]
        return main(["predict", *cases, "-m", str(tmp_path), "-o", str(tmp_path / "out"), *options])

    return run


@pytest.mark.parametrize(("problem", "sentence"), FAILURES)
def test_the_next_patient_is_predicted_whatever_one_brings_up(
    predict, tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: Exception, sentence: str
) -> None:
    assert predict({"one": problem}) == 1
    assert (tmp_path / "out" / "two.nii.gz").exists()
    (said,) = capsys.readouterr().err.splitlines()
    told, _, place = said.partition(" (patients.py, line ")
    assert told == f"error: {sentence}"
    # What is said in its own words needs no place.
    assert bool(place) != isinstance(problem, InputError | OSError)


def test_two_is_the_status_where_nobody_was_predicted(predict) -> None:
    assert predict({"one": ValueError(), "two": IndexError()}) == 2


def test_a_result_of_an_earlier_run_is_called_so(predict, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict({}) == 0
    assert predict({"two": ValueError("bad")}) == 1
    assert "case two: ValueError: bad" in (said := capsys.readouterr().err)
    assert "two.nii.gz is an earlier run's" in said


def test_ctrl_c_stops_and_what_failed_before_is_said(predict, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict({"one": ValueError("bad"), "two": KeyboardInterrupt()}) == 130
    assert "error: case one: ValueError: bad" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verdict", "options", "status"),
    [("failed", ("--strict",), 1), ("failed", (), 0), ("check", ("--strict",), 0)],
)
def test_strict_makes_a_failed_registration_count(predict, verdict: str, options: tuple, status: int) -> None:
    assert predict({}, *options, verdict=verdict) == status


def trained(model: Path, *folders: str) -> Path:
    """Lay the finished trainings of a model."""
    for name in folders:
        (model / name).mkdir(parents=True)
        (model / name / CHECKPOINT).touch()
    return model


@pytest.mark.parametrize(
    ("there", "asked", "used"),
    [
        (("0", "1", "all"), None, ["0", "1"]),  # as nnU-Net's predictor chooses
        (("all",), None, ["all"]),
        (("0", "all"), ["all"], ["all"]),
        (("0", "1"), [1], ["1"]),
        (("0", "1"), (1, "0"), ["1", "0"]),
        (("0", "1"), 0, ["0"]),
        (("0", "1"), 1, ["1"]),
        (("1", "2", "12"), "12", ["12"]),
        (("0", "all"), "all", ["all"]),
    ],
)
def test_the_folds_asked_for_vote_else_all_but_fold_all(
    tmp_path: Path, there: tuple, asked: object, used: list
) -> None:
    trained(tmp_path, *(f"fold_{fold}" for fold in there))
    (tmp_path / "fold_2").mkdir(exist_ok=True)  # begun, not finished
    assert trained_folds(tmp_path, asked, CHECKPOINT) == used


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ([0, 0, 1], "fold 0 is given twice"),
        (["0", 0], "fold 0 is given twice"),
        ([], "no fold is given: expected folds' numbers or all"),
        ("0 1", "fold '0 1': expected a fold's number or all"),
        ("01", "fold '01': expected a fold's number or all"),
        (-1, "fold -1: expected a fold's number or all"),
        (True, "fold True: expected a fold's number or all"),
        ([0.0], "fold 0.0: expected a fold's number or all"),
    ],
)
def test_what_names_no_folds_is_refused(tmp_path: Path, asked: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        trained_folds(trained(tmp_path, "fold_0", "fold_1"), asked, CHECKPOINT)


def test_folders_beside_the_folds_do_not_vote_and_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(tmp_path / "M", "fold_0", "fold_1", "fold_0_old", "fold_0 (copy)", "fold_all")
    (tmp_path / "M" / "fold_2").mkdir()
    (tmp_path / "M" / "fold_2" / "checkpoint_latest.pth").touch()
    assert trained_folds(tmp_path / "M", None, CHECKPOINT) == ["0", "1"]
    assert caplog.messages == [
        "warning: folds 0, 1 of M vote; not fold_0 (copy) (no fold's name), fold_0_old (no fold's name), "
        f"fold_2 (no {CHECKPOINT}), fold_all (trained on the others' cases); choose with -f"
    ]


def test_nothing_is_said_where_all_folds_vote(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trained_folds(trained(tmp_path, "fold_0", "fold_1"), None, CHECKPOINT)
    trained_folds(trained(tmp_path, "fold_2", "fold_all"), [0, 1], CHECKPOINT)
    assert caplog.messages == []


def test_a_model_that_is_not_trained_is_refused_and_what_lies_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"has no {CHECKPOINT} for any fold \(there: fold_0_old \(no fold's"
    ):
        trained_folds(trained(tmp_path, "fold_0_old"), None, CHECKPOINT)


@pytest.mark.parametrize("given", [501, "501", "0501", "Dataset501_A"])
def test_a_dataset_is_known_by_number_and_by_name(tmp_path: Path, monkeypatch, given: str | int) -> None:
    model = tmp_path / "results" / "Dataset501_A" / "T__P__C"
    model.mkdir(parents=True)
    (tmp_path / "raw" / "Dataset5011_B").mkdir(parents=True)  # another number
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.setenv(variable, str(tmp_path / variable.removeprefix("nnUNet_")))
    assert find_model_folder(given, "T", "P", "C") == model


def test_a_number_of_two_datasets_is_refused_and_the_name_is_not(tmp_path: Path, monkeypatch) -> None:
    model = tmp_path / "Dataset501_A" / "T__P__C"
    model.mkdir(parents=True)
    (tmp_path / "Dataset501_B").mkdir()
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    with pytest.raises(InputError, match=r"several datasets have this number .Dataset501_A, Dataset501_B"):
        find_model_folder("501", "T", "P", "C")
    assert find_model_folder("Dataset501_A", "T", "P", "C") == model


@pytest.mark.parametrize("given", ["liver", "Dataset501", "5_01", "-1", "Dataset_501"])
def test_what_is_no_dataset_is_refused(tmp_path: Path, monkeypatch, given: str) -> None:
    monkeypatch.setenv("nnUNet_results", str(tmp_path))
    with pytest.raises(InputError, match="expected a dataset's number"):
        find_model_folder(given, "T", "P", "C")


def test_who_failed_stands_on_the_list_and_not_an_earlier_result(predict, tmp_path: Path) -> None:
    assert predict({"one": ValueError("bad")}) == 1
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "Not predicted: 1 patient" in page
    assert "case one: ValueError: bad" in page


@pytest.mark.parametrize("written", [Path.absolute, lambda path: path])
def test_the_list_does_not_say_where_loose_files_lie(
    predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("Smith_John", "pv.nii.gz")
    path.parent.mkdir()
    path.touch()
    problem = InputError(f"case study_17, phase pv: {written(path)} is cut off")
    assert predict({"study_17": problem}, "--phase", f"pv={path}", "--case", "study_17") == 1
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "case study_17, phase pv: the file of pv is cut off" in page
    assert "Smith" not in page
    assert f"{path} is cut off" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("one", "is the input as well"),
        (".", "holds the input one: results among the patients' folders would be taken for patients"),
        ("file/out", "cannot be written: .*file is a file"),
        ("link", "is the input as well"),
    ],
)
def test_a_folder_that_cannot_hold_results_is_refused_before_anything_takes_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, sentence: str
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert main(["predict", str(tmp_path / "one"), "-m", str(tmp_path), "-o", str(tmp_path / output)]) == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_loose_files_are_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pv.nii.gz").touch()
    loose = ["--phase", f"pv={tmp_path / 'pv.nii.gz'}", "--case", "pv"]
    assert main(["predict", *loose, "-m", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "--case pv: the labels would be written over " in capsys.readouterr().err


def test_a_patient_called_as_the_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Index").mkdir()
    model = SimpleNamespace(record={"labels": {"background": 0, "lesion": 1}})
    monkeypatch.setattr(prediction, "load_for_runtime", lambda *_, **__: model)
    assert main(["predict", str(tmp_path / "Index"), "-m", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "Index.html is the list of all patients" in capsys.readouterr().err


def index_of(out: Path) -> str:
    return (out / "index.html").read_text(encoding="utf-8")


def test_who_failed_stays_named_until_predicted(predict, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()  # an earlier run's
    assert predict({"one": ValueError("bad"), "two": ValueError("worse")}) == 2
    assert "Not predicted: 2 patients" in index_of(out)  # also where nobody was
    forget_failure(out, "two")
    write_patient_index(out)  # as a run of other patients does
    assert "Not predicted: 1 patient" in (html := index_of(out))
    assert "case one: ValueError: bad" in html
    forget_failure(out, "one")
    assert "Not predicted" not in write_patient_index(out).read_text(encoding="utf-8")
    assert not (out / "not_predicted").exists()


def test_a_first_run_in_which_nobody_is_predicted_leaves_no_folder(predict, tmp_path: Path) -> None:
    assert predict({"one": ValueError("bad"), "two": ValueError("worse")}) == 2
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_killed_forgets_nobody_who_failed_before(predict, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("nnunet_multiphase.cli.predict.write_index", lambda *_: None)  # it never came to that
    (tmp_path / "out").mkdir()
    predict({"one": ValueError("bad"), "two": KeyboardInterrupt()})
    assert "case one: ValueError: bad" in write_patient_index(tmp_path / "out").read_text(encoding="utf-8")


def test_a_patient_who_is_predicted_is_taken_off_the_list(tmp_path: Path) -> None:
    note_failures(tmp_path, {"one": "bad"})
    partial = tmp_path / ".one.partial"
    partial.mkdir()
    (partial / "one.nii.gz").touch()
    place_files(partial, tmp_path, "one")
    assert not (tmp_path / "not_predicted").exists()
