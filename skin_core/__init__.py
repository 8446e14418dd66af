"""LesionLab's core: data sources, audits, splits, model families, training, evaluation and screening.

Nothing in here imports Streamlit, and TensorFlow is imported only where a model is built or run.
"""

__version__ = "0.1.0"
