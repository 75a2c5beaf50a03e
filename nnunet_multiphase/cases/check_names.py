"""Name the checks of whether volumes and masks can be what they are said to be; --accept overrules them by name."""

from __future__ import annotations

CHECKS: dict[str, str] = {
    "hu-offset": "all values are shifted, as by a rescale intercept left out or applied twice",
    "hu-scale": "all values are spread too little or too much, or negated",
    "hu-window": "the values are cut to a window, or are grey values",
    "spacing": "voxels of a size that no scanner makes",
    "body-size": "a body wider, deeper, narrower or flatter than people are",
    "orientation": "a header that does not say which side is right, or a spine in front of the belly",
    "phase-order": "an unenhanced phase that is brighter than one with contrast",
    "liver-side": "a liver on the patient's left",
    "liver-hu": "a liver mask in fat, air or bone",
    "lesion-hu": "lesions in fat or air",
    "mask-size": "a mask far too large or too small",
}
"""Name of a check, as for --accept -> what it finds."""
