"""From a PACS and back by DICOMweb (PS3.18): fetch a study, store results."""
