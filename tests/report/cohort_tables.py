"""Dataset folders for the cohort's page: a table of every kind of case, with or without pictures."""

import csv
import json

from PIL import Image

from nnunet_multiphase.alignment.quality import PhaseQuality, write_quality


def line(case, phase="art", *, split="train", reference="pv", status="present", before=1.0, gain=0.1, **more):
    """Make one line of quality.csv; a phase that is not registered has no figures."""
    moved = split in ("train", "test") and status in ("present", "dropped") and phase != reference
    figures = {
        "similarity_before": before,
        "similarity_after": before + gain,
        "verdict": "ok",
        "region": "mask",
        "overlap": 0.9,
        "expected_error_mm": 0.42,
        "edge_agreement": 0.71,
        "shift_mm": 5.0,
        "rotation_degrees": 1.0,
        "seconds": 2.0,
        "covered_fraction": 0.8,
    }
    patient = more.pop("patient", case)
    return PhaseQuality(case, patient, split, reference, phase, status, **((figures if moved else {}) | more))


def make_dataset(folder, lines, *, pictures=(), columns=None):
    """Write what a dataset folder holds for the page; `columns` are those of an old table."""
    overview = folder / "registration" / "overview"
    overview.mkdir(parents=True)
    write_quality(lines, folder / "quality.csv")
    if columns:
        with (folder / "quality.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        with (folder / "quality.csv").open("w", newline="") as stream:
            table = csv.DictWriter(stream, columns, extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)
    record = {"name": "Dataset501_Tiny"} | ({} if columns else {"phases": ["art", "pv"]})
    (folder / "dataset.json").write_text(json.dumps(record))
    for case in pictures:
        Image.new("RGB", (64, 40), "magenta").save(overview / f"{case}.png")
    return folder


COHORT = [
    line("fine_10", gain=0.3),
    line("fine_2", gain=0.2, shift_mm=70.0),
    line("left_out", status="missing", split="skipped", warnings="case left out"),
    line("left_out", "pv", split="skipped"),
    line("filled", status="filled", warnings="no art: channel filled with -1024 HU"),
    line("filled", "pv", covered_fraction=0.7),
    line("warned", warnings="no lesion in the mask", shift_mm=9.5),
    line("look", verdict="check", gain=0.4, warnings="registration check: odd"),
    line("look_first", verdict="check", gain=0.05),
    line("look_first", "pv", shift_mm=0.0),
    line("doubtful", verdict="failed", gain=0.5, status="dropped", warnings="registration failed: aside"),
    line("broken", split="failed", warnings="case broken: no overlap"),
    line("wrong", verdict="failed", gain=-0.05, before=1.1, patient="filled"),
]
WORST_FIRST = [
    *("broken", "wrong", "doubtful", "look_first", "look"),
    *("warned", "filled", "fine_2", "fine_10", "left_out"),
]
