"""nnU-Net finds our names after a plain installation, and nothing of ours stays after an uninstallation."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from fresh_environments import ROOT, Environment, installed_files, new_environment

pytestmark = pytest.mark.slow

RESOLVE_NAMES = str(Path(__file__).with_name("resolve_names.py"))
FINDER_THERE = """
import json, sys
print(json.dumps([type(f).__module__ for f in sys.meta_path].count("nnunet_multiphase.autoload")))"""


@pytest.fixture(scope="module")
def found_from_wheel(wheel_environment: Environment) -> Any:
    return wheel_environment.answer(RESOLVE_NAMES)


@pytest.fixture(scope="module")
def found_from_editable(editable_environment: Environment) -> Any:
    return editable_environment.answer(RESOLVE_NAMES)


def test_wheel_serves_the_trainer_by_name(found_from_wheel: Any, wheel_environment: Environment) -> None:
    assert Path(found_from_wheel["trainer"]).is_relative_to(wheel_environment.site_packages)


def test_wheel_serves_the_variants_by_name(found_from_wheel: Any) -> None:
    assert found_from_wheel["variant"] == "MultiPhaseSCAMTrainer_5epochs"


def test_wheel_serves_the_planner_by_name(found_from_wheel: Any, wheel_environment: Environment) -> None:
    assert Path(found_from_wheel["planner"]).is_relative_to(wheel_environment.site_packages)


def test_plans_lead_back_to_the_planner(found_from_wheel: Any) -> None:
    assert found_from_wheel["planner_of_plans"] == "MultiPhaseSCAMPlanner"


def test_predictor_finds_the_trainer_a_checkpoint_names(found_from_wheel: Any) -> None:
    expected = "nnunet_multiphase.network.dilated_scam_unet.DilatedSCAMUNet"
    assert found_from_wheel["predictor_network"] == expected


def test_neither_timm_nor_torchvision_is_loaded(found_from_wheel: Any) -> None:
    assert found_from_wheel["loaded_needlessly"] == []


def test_a_name_that_is_not_ours_stays_unknown(found_from_wheel: Any) -> None:
    assert found_from_wheel["unknown_name_known"] is False


def test_nnunet_module_keeps_its_usual_loader(found_from_wheel: Any) -> None:
    assert found_from_wheel["usual_loader"] == "SourceFileLoader"


def test_editable_install_serves_the_checkout(found_from_editable: Any) -> None:
    package = ROOT / "nnunet_multiphase"
    assert Path(found_from_editable["trainer"]).is_relative_to(package)
    assert Path(found_from_editable["planner"]).is_relative_to(package)


def test_editable_nnunet_is_not_shadowed(found_from_editable: Any, editable_environment: Environment) -> None:
    assert found_from_editable["nnunetv2"] == str(
        editable_environment.folder.parent / "checkout" / "nnunetv2"
    )


def test_wheel_holds_our_packages_and_the_start_up_file_alone(wheel: Path) -> None:
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    ours = {"nnunet_multiphase", "registration", "nnunet_multiphase_autoload.pth"}
    assert {name for name in top if not name.endswith(".dist-info")} == ours


def test_start_up_installs_one_finder(wheel_environment: Environment) -> None:
    assert wheel_environment.answer("-c", FINDER_THERE) == 1


def test_start_up_leaves_no_module_of_ours_loaded(wheel_environment: Environment) -> None:
    code = "import json, sys; print(json.dumps([m for m in sys.modules if m.startswith('nnunet')]))"
    assert wheel_environment.answer("-c", code) == []


def test_checkout_on_the_path_wins_over_the_installed_copy(wheel_environment: Environment) -> None:
    code = "import json, nnunet_multiphase as ours; print(json.dumps(ours.__file__))"
    file = wheel_environment.answer("-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}")
    assert file == str(ROOT / "nnunet_multiphase" / "__init__.py")


@pytest.mark.parametrize("way", ["wheel", "editable"])
def test_uninstalling_leaves_nothing(way: str, tmp_path: Path, libraries: Path, wheel: Path) -> None:
    environment = new_environment(tmp_path / "venv", libraries)
    before = installed_files(environment)
    environment.install(*([str(wheel)] if way == "wheel" else ["-e", str(ROOT)]))
    assert environment.answer("-c", FINDER_THERE) == 1
    environment.pip("uninstall", "-y", "nnunet-multiphase")
    assert installed_files(environment) == before
    assert environment.answer("-c", FINDER_THERE) == 0


def test_start_up_file_alone_is_silent_and_harmless(tmp_path: Path, libraries: Path) -> None:
    environment = new_environment(tmp_path / "venv", libraries)
    start_up_file = ROOT / "nnunet_multiphase" / "nnunet_multiphase_autoload.pth"
    (environment.site_packages / start_up_file.name).write_text(start_up_file.read_text())
    done = environment.run("-c", "print('up')")
    assert (done.stdout, done.stderr) == ("up\n", "")


def test_a_broken_package_does_not_break_the_start(tmp_path: Path, libraries: Path, wheel: Path) -> None:
    environment = new_environment(tmp_path / "venv", libraries)
    environment.install(str(wheel))
    (environment.site_packages / "nnunet_multiphase" / "autoload.py").write_text(
        "raise SystemError('broken')\n"
    )
    done = environment.run("-c", "print('up')")
    assert (done.stdout, done.stderr) == ("up\n", "")
