"""Parts of the Runs page that tell how well a run does."""
