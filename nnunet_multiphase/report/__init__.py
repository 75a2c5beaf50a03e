"""Self-contained pages: the demo, a benchmark, a cohort, a patient and all patients."""
