"""Score segmentations, by case and by lesion, and say how sure a difference is."""
