"""Pictures of skin lesions drawn by a program: for trying things out and for tests, never for judging a model."""
