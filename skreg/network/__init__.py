"""Networks under L1, L2 and dropout."""
