"""What `python -m skreg` does: compare the regressors on a table, and draw."""
