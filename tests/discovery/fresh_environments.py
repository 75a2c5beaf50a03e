"""Make fresh environments to install into; nothing is downloaded, and no other copy of us reaches them.

A venv of its own sees a folder of links to this environment's libraries, all but this project's own files and
every start-up file. What it knows of the project is thus only what pip put into it.
"""

import json
import os
import subprocess
import sysconfig
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OURS = ("nnunet_multiphase", "_nnunet_multiphase", "registration")


@dataclass(frozen=True)
class Environment:
    """A virtual environment; `variables` are added to every run."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        return next((self.folder / "lib").glob("python*/site-packages"))

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python outside the checkout, without this process's own search path."""
        private = ("PYTHON", "nnUNet_", "VIRTUAL_ENV")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(private)}
        environment = {**inherited, "OMP_NUM_THREADS": "1", **self.variables, **variables}
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def answer(self, *arguments: str, **variables: str) -> Any:
        """Run and return the last line of output, read as JSON."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def pip(self, *arguments: str) -> None:
        done = self.run("-m", "pip", "-q", "--disable-pip-version-check", *arguments)
        assert done.returncode == 0, done.stderr

    def install(self, *arguments: str) -> None:
        self.pip("install", "--no-deps", "--no-index", "--no-build-isolation", *arguments)


def link_libraries(folder: Path, *without: str) -> Path:
    """Link this environment's installed packages into `folder`, except ours and those named."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.suffix != ".pth" and not entry.name.startswith((*OURS, "__pycache__", *without)):
            (folder / entry.name).symlink_to(entry)
    return folder


def new_environment(folder: Path, libraries: Path, **variables: str) -> Environment:
    """Make a virtual environment that sees `libraries`."""
    venv.create(folder, with_pip=False, symlinks=True)
    environment = Environment(folder, variables)
    (environment.site_packages / "zz_libraries.pth").write_text(f"{libraries}\n")
    return environment


def installed_files(environment: Environment) -> set[str]:
    """Everything below the environment's site-packages and bin."""
    folders = (environment.site_packages, environment.folder / "bin")
    return {str(path.relative_to(environment.folder)) for folder in folders for path in folder.rglob("*")}
