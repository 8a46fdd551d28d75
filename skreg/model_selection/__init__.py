"""Choosing the strength: grids, paths, folds, scores, and the cross-validating estimators."""
