"""The errors a person can cause, each one sentence: what was expected, what came, what to do."""


class SkinCoreError(Exception):
    """Base of all domain errors. ``str(error)`` is one sentence fit for a page or a terminal.

    Pages show it as it is; the command line prints it on standard error and exits with 1.
    """


class DataSourceError(SkinCoreError):
    """A data set cannot be recognised or read."""


class ManifestError(SkinCoreError):
    """A manifest breaks its schema."""


class UnusableImageError(SkinCoreError):
    """Bytes that are no usable image."""


class LeakError(SkinCoreError):
    """A split would put a lesion, a patient or a picture's twin on two sides."""


class ConfigError(SkinCoreError):
    """A run's configuration cannot work on this data or with this family."""


class WeightsError(SkinCoreError):
    """Pretrained weights cannot be had; the message names the file and where to put it."""


class RunError(SkinCoreError):
    """A run does not exist, or is not in the state that was asked of it."""


class SearchError(SkinCoreError):
    """A search for settings does not exist, or is not in the state that was asked of it."""


class BundleError(SkinCoreError):
    """A bundle is missing, damaged, not trusted, or cannot be published."""


class WorkspaceError(SkinCoreError):
    """The workspace cannot be written (no space, no permission)."""
