"""What the displays draw, in the convention of scikit-learn."""
