"""Bring the phases of a case to one of them, measure how that went, and draw it."""
