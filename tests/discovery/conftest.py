"""Environments with the project installed in the ways users install it; each is made once."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fresh_environments import ROOT, Environment, link_libraries, new_environment


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_libraries(tmp_path_factory.mktemp("libraries") / "site-packages")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    options = ("-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(out))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def wheel_environment(tmp_path_factory: pytest.TempPathFactory, libraries: Path, wheel: Path) -> Environment:
    """An environment with the wheel installed as a user would."""
    environment = new_environment(tmp_path_factory.mktemp("wheel_environment") / "venv", libraries)
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="session")
def target_environment(tmp_path_factory: pytest.TempPathFactory, libraries: Path, wheel: Path) -> Environment:
    """The wheel through `pip install --target` alone, so that its start-up file is not read."""
    folder = tmp_path_factory.mktemp("target_environment")
    plain = new_environment(folder / "venv", libraries)
    plain.install("--target", str(folder / "target"), str(wheel))
    return Environment(plain.folder, {"PYTHONPATH": str(folder / "target")})


@pytest.fixture(scope="session")
def editable_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install -e` of this checkout and of nnU-Net's, the latter in <environment>/../checkout."""
    pytest.importorskip("setuptools", reason="nnU-Net's own build needs it")
    import nnunetv2

    folder = tmp_path_factory.mktemp("editable")
    checkout = folder / "checkout"
    shutil.copytree(nnunetv2.__path__[0], checkout / "nnunetv2", ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "nnunetv2"\nversion = "2.8.1"\n'
        '[tool.setuptools.packages.find]\ninclude = ["nnunetv2*"]\n'
    )
    environment = new_environment(folder / "venv", link_libraries(folder / "libraries", "nnunetv2"))
    environment.install("-e", str(checkout), "-e", str(ROOT))
    return environment


@pytest.fixture(scope="session")
def found_without_start_up(target_environment: Environment) -> Any:
    """What works in an environment that did not read the start-up file (try_fallbacks.py)."""
    folder = Path(target_environment.variables["PYTHONPATH"]) / "nnunet_multiphase" / "ext_trainer"
    return target_environment.answer(str(Path(__file__).with_name("try_fallbacks.py")), str(folder))
