"""Modules are found by the names that they had, and are the same ones."""

import subprocess
import sys
from importlib import import_module

import pytest

import nnunet_multiphase.moved as moved


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("data.volume_file", "volumes.volume_file"),
        ("data.case_folder", "cases.case_folder"),
        ("data.dataset", "dataset.build"),
        ("data.quality", "alignment.quality"),
        ("data.table_text", "table_text"),
        ("dicom.import_tree", "dicom_import.import_tree"),
        ("prediction.model", "models.model"),
        ("runtime.description", "models.description"),
        ("report.page", "html.page"),
        ("evaluation.registration_error", "phantom.registration_error"),
    ],
)
def test_a_former_name_is_the_same_module(former: str, now: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"nnunet_multiphase.{former}", raising=False)
    with pytest.warns(DeprecationWarning, match=f"is called nnunet_multiphase.{now} now"):
        found = import_module(f"nnunet_multiphase.{former}")
    there = import_module(f"nnunet_multiphase.{now}")
    assert found is there
    assert there.__name__ == there.__spec__.name == f"nnunet_multiphase.{now}"


def test_what_was_in_alignment_is_found() -> None:
    import nnunet_multiphase.alignment as alignment
    from nnunet_multiphase.alignment.align import align_phases

    with pytest.warns(DeprecationWarning, match="lies in nnunet_multiphase.alignment.align now"):
        assert alignment.align_phases is align_phases


@pytest.mark.parametrize("name", ["data.nothing", "dicom.nothing", "nothing", "runtime_x"])
def test_what_never_was_is_not_found(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        import_module(f"nnunet_multiphase.{name}")


def test_a_program_written_for_the_former_names_runs() -> None:
    program = "from nnunet_multiphase.data.volume_file import read_volume; print(read_volume.__module__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "nnunet_multiphase.volumes.volume_file\n"
    told = "nnunet_multiphase.data.volume_file is called nnunet_multiphase.volumes.volume_file now"
    assert f"DeprecationWarning: {told}" in done.stderr


def test_every_home_is_a_folder() -> None:
    for homes in moved.HOMES.values():
        for home in filter(None, homes):
            import_module(f"nnunet_multiphase.{home}")
