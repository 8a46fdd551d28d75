"""Displays of paths and of cross-validations, in the convention of scikit-learn."""
