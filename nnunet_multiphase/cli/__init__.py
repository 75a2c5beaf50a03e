"""The commands. Anything may be imported here; nobody imports from here."""
