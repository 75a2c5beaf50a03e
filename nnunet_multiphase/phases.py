"""Name the contrast phases of a liver CT, in the order they become nnU-Net channels."""

PHASES: tuple[str, ...] = ("nc", "art", "pv", "dl")

PHASE_TITLES: dict[str, str] = {
    "nc": "non-contrast",
    "art": "arterial",
    "pv": "portal venous",
    "dl": "delayed",
}

FILL_HU = -1024
"""Air: the value of every voxel where a phase has no data (never 0, which is water)."""

ON_FAILURE = ("check", "drop-phase", "drop-case", "header")
"""What to do with a phase whose registration failed: keep it as it came out, and say so; leave the phase out; leave the
case out; take the headers' alignment."""

SEVERAL = ("error", "merge", "reference")
"""Lesion masks on several phases of a case: refuse it; unite them once registered; use the reference's alone."""
