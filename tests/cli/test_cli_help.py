"""The command line answers for help at once: nothing heavy is imported for it."""

import json
import subprocess
import sys

import pytest

from nnunet_multiphase import __version__
from nnunet_multiphase.cli import main

HEAVY = (
    "torch",
    "SimpleITK",
    "numba",
    "nnunetv2",
    "numpy",
    "scipy",
    "matplotlib",
    "monai",
    "panoptica",
    "jinja2",
)
ASK_FOR_HELP = """
import contextlib, io, json, sys
sys.path[:] = [folder for folder in sys.path if folder]
from nnunet_multiphase.cli.main import main
text = io.StringIO()
with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps({"text": text.getvalue(), "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def ask_for_help(*arguments: str) -> dict[str, object]:
    """Return the help text and the top-level modules that a fresh interpreter loaded for it."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def overview() -> dict[str, object]:
    return ask_for_help("--help")


def test_help_imports_nothing_heavy(overview: dict[str, object]) -> None:
    assert set(HEAVY) & set(overview["modules"]) == set()  # type: ignore[call-overload]


@pytest.mark.parametrize("command", main.COMMANDS)
def test_help_lists_the_command(command: str, overview: dict[str, object]) -> None:
    first_words = [line.split()[0] for line in str(overview["text"]).splitlines() if line.startswith("    ")]
    assert command in first_words


@pytest.mark.parametrize("command", main.COMMANDS)
def test_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main.main([command, "--help"])
    assert f"usage: nnunet-multiphase {command}" in capsys.readouterr().out


def test_no_command_is_an_error_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main.main([])
    assert "COMMAND" in capsys.readouterr().err


def test_every_option_is_explained() -> None:
    (commands,) = (action.choices for action in main.build_parser()._actions if action.dest == "command")
    bare = {
        f"{name} {' '.join(action.option_strings)}"
        for name, parser in commands.items()
        for action in parser._actions
        if not action.help
    }
    assert bare == set()


def test_export_refuses_a_seed_below_0_before_a_model_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["export", "nowhere", "-o", "out", "--seed", "-1"]) == 2
    assert capsys.readouterr().err == "error: --seed -1: expected 0 or more\n"


def test_the_package_itself_is_the_command() -> None:
    line = [sys.executable, "-m", "nnunet_multiphase", "--version"]
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == __version__
