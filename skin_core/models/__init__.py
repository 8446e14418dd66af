"""Model families: Keras 3 graphs of the published recipes, and ours."""
