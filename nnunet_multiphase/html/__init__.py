"""What every page has: its frame, and tables that can be sorted."""
