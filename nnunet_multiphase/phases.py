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
