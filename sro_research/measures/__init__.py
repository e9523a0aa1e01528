"""Protected tables to scale scores and indicators; one file per subject."""
