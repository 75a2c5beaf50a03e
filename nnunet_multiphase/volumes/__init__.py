"""Read files of volumes and masks, of any format, in one axis order."""
