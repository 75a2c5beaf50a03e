"""Bring DICOM trees into case folders: the phases named, volumes chosen, masks drawn."""
