"""The three regressors: their parameters and penalties, and what a fit is."""
