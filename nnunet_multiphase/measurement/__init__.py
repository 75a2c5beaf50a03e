"""Measure lesions: sizes, places, attenuation over the phases."""
