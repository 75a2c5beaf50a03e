"""`nnunet-multiphase benchmark --evaluate-only`: tables and page of saved predictions, again and again the same."""

import pytest
from made_up import Skill, make_benchmark, tiny_volumes

from nnunet_multiphase.benchmark.layout import PLAN
from nnunet_multiphase.benchmark.tables import TABLES
from nnunet_multiphase.cli.main import main

MADE = (*TABLES, "benchmark.html")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark") / "work"
    good = Skill(border_mm=0.8, missed_mm=2, false=0.2, seed=1)
    make_benchmark(folder, tiny_volumes(3), {"vanilla": good, "ours": good}, seeds=(0,), test=1)
    return folder


def evaluated(work, *options):
    assert main(["benchmark", "-o", str(work), "--evaluate-only", *options]) == 0
    return {name: (work / name).read_bytes() for name in MADE}


def test_everything_is_made_again_to_the_byte_and_nothing_else_is_touched(work):
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    first = evaluated(work)
    for name in MADE:
        (work / name).unlink()
    assert evaluated(work, "--json") == first
    after = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    assert {path for path in after if path not in before} == {work / name for name in MADE}
    assert {path: after[path] for path in before} == before


def test_the_others_may_be_compared_with_any_of_them(work, capsys):
    evaluated(work, "--against", "ours")
    assert "vanilla, Dice minus that of ours" in capsys.readouterr().out


def test_a_folder_without_a_benchmark_is_refused(tmp_path, capsys):
    assert main(["benchmark", "-o", str(tmp_path), "--evaluate-only"]) == 2
    assert f"{PLAN} is missing" in capsys.readouterr().err
