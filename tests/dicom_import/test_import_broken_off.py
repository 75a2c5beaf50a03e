"""An import that is stopped, killed, disturbed or run twice at once: cases are there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk
from dicom_phantom import phase_series, save
from four_phases import save_four_phases

from nnunet_multiphase.dicom import pixels
from nnunet_multiphase.dicom_import.import_tree import import_tree
from nnunet_multiphase.errors import InputError
from registration.volume_file import write_volume

pytestmark = pytest.mark.slow


def test_stopped_import_leaves_whole_cases_and_says_whose_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patient in ("P1", "P2"):
        save_four_phases(tmp_path / "tree", patient=patient)
    written = []

    def stop_in_the_second_case(image: sitk.Image, path: Path) -> None:
        written.append(path)
        if len(written) == 7:
            raise KeyboardInterrupt
        write_volume(image, path)

    monkeypatch.setattr("nnunet_multiphase.dicom_import.case_writer.write_volume", stop_in_the_second_case)
    with pytest.raises(KeyboardInterrupt):
        import_tree(tmp_path / "tree", tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["patient_001", "patients.csv"]
    assert (tmp_path / "raw" / "patients.csv").read_text().split() == [
        "case,patient",
        "patient_001,patient_001",
    ]


def test_a_case_is_there_wherever_its_replacement_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    files = {path.name: path.read_bytes() for path in (tmp_path / "raw" / "patient_001").iterdir()}
    plain = Path.rename

    def fail_at_its_place(path: Path, target: Path) -> Path:
        if Path(target).name == "patient_001" and path.name.endswith(".partial"):
            raise OSError("no space left")
        return plain(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_at_its_place)
        with pytest.raises(OSError, match="no space left"):
            import_tree(tmp_path / "tree", tmp_path / "raw")
    assert {path.name: path.read_bytes() for path in (tmp_path / "raw" / "patient_001").iterdir()} == files


def test_a_case_that_a_killed_import_had_put_aside_is_taken_back(tmp_path: Path) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    import_tree(tmp_path / "tree", tmp_path / "raw")
    case = tmp_path / "raw" / "patient_001"
    files = {path.name: path.read_bytes() for path in case.iterdir()}
    case.rename(case.with_name(".patient_001.old"))
    save(phase_series("pv", patient="another", study="2", description="portal venous"), tmp_path / "second")
    import_tree(tmp_path / "second", tmp_path / "raw")
    assert {path.name: path.read_bytes() for path in case.iterdir()} == files
    assert not list(case.parent.glob(".*"))


def test_an_image_that_is_exchanged_after_its_header_was_read_costs_its_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another patient, as where a queue's folder is filled while it is imported."""
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    save(phase_series("pv", patient="P2", study="2", description="portal venous"), tmp_path / "other")
    plain = pixels.read_hu

    def exchange_and_read(*arguments: object) -> object:
        for mine, theirs in zip(
            sorted((tmp_path / "tree").iterdir()), sorted((tmp_path / "other").iterdir()), strict=True
        ):
            mine.write_bytes(theirs.read_bytes())
        return plain(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("nnunet_multiphase.dicom_import.case_writer.read_hu", exchange_and_read)
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ()
    assert "are others than when the headers were read" in summary.failures[0]
    assert not (tmp_path / "raw" / "patient_001").exists()


def test_a_second_import_into_the_same_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(phase_series("pv", description="portal venous"), tmp_path / "tree")
    told: list[str] = []

    def import_again(line: str) -> None:
        if not told:
            with pytest.raises(InputError, match="by another import right now") as refusal:
                import_tree(tmp_path / "tree", tmp_path / "raw")
            told.append(str(refusal.value))

    import_tree(tmp_path / "tree", tmp_path / "raw", say=import_again)
    assert told
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
