"""Switches off what libraries send out or print unasked. Import it before anything else.

Environment variables only, so that child processes (the training worker) inherit them.
"""

import os

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "GLOG_minloglevel": "3",
}


def switch_off() -> None:
    """Sets each variable that the user has not set."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


switch_off()
