"""Estimates to safe cells: what may be shown is decided once, for a whole study."""
