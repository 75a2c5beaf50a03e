"""Find new patients in whatever form they come, and give their results back in DICOM."""
