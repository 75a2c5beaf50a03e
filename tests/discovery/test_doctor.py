"""The doctor tells the truth about environments of known state."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fresh_environments import Environment, new_environment

from nnunet_multiphase.doctor import (
    Check,
    _check_folder,
    _check_nnunet,
    _check_torchvision,
    _check_trainers,
    _way,
)

pytestmark = pytest.mark.slow

# not through cli.main, which imports the other commands as well
DOCTOR = """
import argparse, sys
from nnunet_multiphase.cli import doctor
parser = argparse.ArgumentParser()
doctor.add_arguments(parser)
sys.exit(doctor.run(parser.parse_args()))"""


@pytest.fixture(scope="module")
def healthy(wheel_environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Any]:
    """Exit status and JSON where all is well."""
    folder = str(tmp_path_factory.mktemp("nnunet_folders"))
    folders = dict.fromkeys(("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"), folder)
    done = wheel_environment.run("-c", DOCTOR, "--json", **folders)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def unread(found_without_start_up: Any) -> Check:
    """The finding on the trainer where the start-up file is not read."""
    report = found_without_start_up["doctor"]
    return _check_trainers(report, _way(report))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, wheel: Path, libraries: Path) -> tuple[int, str]:
    """Exit status and sentences where only our own files are installed and no variable is set."""
    folder = tmp_path_factory.mktemp("bare")
    environment = new_environment(folder / "venv", libraries)
    environment.install(str(wheel))
    (environment.site_packages / "zz_libraries.pth").unlink()
    done = environment.run("-c", DOCTOR)
    return done.returncode, done.stdout


def status_of(diagnosis: Mapping[str, Any], name: str) -> str:
    return next(str(check["status"]) for check in diagnosis["checks"] if check["name"] == name)


def test_healthy_environment_is_ready(healthy: tuple[int, Any]) -> None:
    status, diagnosis = healthy
    assert (status, diagnosis["ready"], diagnosis["way"]) == (0, True, "autoload")


def test_healthy_environment_has_trainer_and_planner(healthy: tuple[int, Any]) -> None:
    assert [status_of(healthy[1], name) for name in ("trainer", "planner", "nnunetv2")] == ["ok"] * 3


def test_versions_are_those_installed(healthy: tuple[int, Any]) -> None:
    from importlib.metadata import version

    assert healthy[1]["versions"]["torch"] == version("torch")


def test_ext_folder_named_is_the_installed_one(
    healthy: tuple[int, Any], wheel_environment: Environment
) -> None:
    expected = wheel_environment.site_packages / "nnunet_multiphase" / "ext_trainer"
    assert Path(healthy[1]["ext_trainer_folder"]).samefile(expected)


def test_unread_start_up_file_fails(unread: Check) -> None:
    assert unread.status == "fail"
    assert "nnunet_multiphase_autoload.pth is not read here" in unread.found


@pytest.mark.parametrize("way_out", ["nnunet_multiphase.launch", "make_findable()", "nnUNet_extTrainer="])
def test_unread_start_up_file_comes_with_the_ways_out(way_out: str, unread: Check) -> None:
    assert way_out in unread.advice


def test_bare_environment_is_not_ready(bare: tuple[int, str]) -> None:
    assert bare[0] == 1


def test_missing_libraries_are_named(bare: tuple[int, str]) -> None:
    assert all(f"pip install {name}" in bare[1] for name in ("torch", "SimpleITK", "numba"))
    assert 'pip install "nnunetv2' in bare[1]


def test_unset_variables_are_named(bare: tuple[int, str]) -> None:
    assert all(f"export nnUNet_{name}=" in bare[1] for name in ("raw", "preprocessed", "results"))


def test_missing_folder_fails_only_where_training_needs_it(tmp_path: Path) -> None:
    variables = {"nnUNet_results": str(tmp_path / "none")}
    assert _check_folder("nnUNet_results", variables, needed_for_training=True).status == "fail"
    assert _check_folder("nnUNet_results", variables, needed_for_training=False).status == "warn"


def test_writable_folder_is_ok(tmp_path: Path) -> None:
    assert _check_folder("nnUNet_raw", {"nnUNet_raw": str(tmp_path)}, needed_for_training=True).status == "ok"


def test_a_home_that_was_not_expanded_is_told_and_not_made() -> None:
    check = _check_folder("nnUNet_raw", {"nnUNet_raw": "~/no_such_raw"}, needed_for_training=True)
    assert "a ~ in quotes is not expanded" in check.found
    assert check.advice == f"export nnUNet_raw={Path.home() / 'no_such_raw'}"


def test_file_in_place_of_a_folder_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    check = _check_folder("nnUNet_raw", {"nnUNet_raw": str(file)}, needed_for_training=True)
    assert check.status == "fail"


@pytest.mark.parametrize(
    ("installed", "status"), [("2.8.1", "ok"), ("2.9", "warn"), ("2.6.0", "warn"), (None, "fail")]
)
def test_nnunet_version_is_judged_by_the_tested_range(installed: str | None, status: str) -> None:
    assert _check_nnunet(installed).status == status


def test_a_torchvision_of_another_build_is_told_with_the_one_that_fits() -> None:
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28.0"}
    assert _check_torchvision(versions, {"imports": {"torchvision": None}}).status == "ok"
    broken = {"imports": {"torchvision": "RuntimeError: operator torchvision::nms does not exist"}}
    check = _check_torchvision(versions, broken)
    assert check.status == "warn"
    assert "0.28.0, but it does not import (RuntimeError: operator torchvision::nms" in check.found
    assert check.advice == (
        "pip uninstall -y torchvision; "
        "pip install torchvision torch==2.13.0+cpu --index-url https://download.pytorch.org/whl/cpu"
    )
    missing = _check_torchvision({"torch": "2.13.0", "torchvision": None}, {})
    assert missing.found.startswith("not installed;")
    assert missing.advice.endswith("torch==2.13.0")
