"""Training: the run's folder and life cycle, the queue, the worker process and its explicit loop.

The modules that pages reach (`folder`, `liveness`, `queue`, `spawn`, `store`) import neither TensorFlow nor MLflow.
"""
