"""Parts of the Screen page."""
