"""``python -m skin_core VERB``."""

import skin_core.quiet  # noqa: F401  (first: switches telemetry off before anything is imported)
from skin_core.cli import app

if __name__ == "__main__":
    app(prog_name="python -m skin_core")
