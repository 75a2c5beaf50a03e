"""From a DICOM tree to case folders: find series, split, lay out, name the phase, choose, write."""
