"""One file a family; see `skin_core.models.family` for what a family keeps to."""
