"""Hyperparameter search: each trial is an ordinary run; what to try next, and what to give up, is Optuna's part."""
