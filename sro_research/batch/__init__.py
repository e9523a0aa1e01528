"""A study as a batch of papermill runs: plan, run, publish."""
