"""Scores and indicators to estimates; one file per model."""
