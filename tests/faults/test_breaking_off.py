"""Whatever ends a stage, nothing half-written is taken for whole, its input is as it was, and the next run ends right.

Short here; `make soak` takes every stage, and more kills (KILLS=N: N of each stage). docs/reliability.md has the figures.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("kills and mounts as Linux does", allow_module_level=True)

sys.path.append(str(Path(__file__).parent))
import kill
import no_room
import two_writers
from stages import STAGES

pytestmark = pytest.mark.slow

SOAK = bool(os.environ.get("SOAK"))
KILLS = int(os.environ.get("KILLS") or (20 if SOAK else 2))
FIRST = int(os.environ.get("SOAK_FIRST") or 0)
"""Another first number is other moments."""
NAMES = tuple(STAGES) if SOAK else ("import",)
OURS = tuple(name for name in NAMES if name not in ("plan", "train"))
"""What nnU-Net's own commands say where they can write nothing is theirs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broken_off")


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_killed_at_random_moments_ends_as_if_it_had_not_been(name: str, folder: Path) -> None:
    report = kill.try_stage(name, folder, FIRST, KILLS)
    assert report["broken"] == []
    assert report["kills"] == KILLS


@pytest.mark.skipif(not no_room.may_mount(), reason="mounting a small disk takes root")
@pytest.mark.parametrize("name", OURS)
def test_a_full_disk_is_said_and_gone_on_from(name: str, folder: Path) -> None:
    report = no_room.fill(name, folder, no_room.SHARES if SOAK else (0.5,))
    assert report["broken"] == []
    assert report["full"] > 0


@pytest.mark.skipif(not no_room.may_drop_rights(), reason="taking rights away takes root, and setpriv")
@pytest.mark.parametrize("name", OURS)
def test_a_missing_right_is_said_and_nothing_is_changed(name: str, folder: Path) -> None:
    assert no_room.take_rights(name, folder)["broken"] == []


@pytest.mark.parametrize("name", [name for name in OURS if SOAK])
def test_two_writers_at_once_end_right(name: str, folder: Path) -> None:
    assert two_writers.try_stage(name, folder, FIRST, 4)["broken"] == []
