"""The tracking store: MLflow, SQLite in the workspace unless ``MLFLOW_TRACKING_URI`` names a server.

Only the worker comes here. A store that cannot be reached in the middle of a run delays the figures, never the run:
what was not logged is logged at the next occasion.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.paths import workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "lesionlab"
RUN_TAG = "lesionlab.run"
BACKEND_TAG = "lesionlab.backend"
# MLflow refuses larger batches of metrics, and of parameters.
_AT_ONCE = 1000
_PARAMS_AT_ONCE = 100

log = logging.getLogger(__name__)


def tracking_uri() -> str:
    """Where runs are tracked."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'mlflow.db'}"


class Tracker:
    """Writes one run's figures to the tracking store.

    Args:
        client: speaks to the store.
        tracking_id: the run's id there.
    """

    def __init__(self, client: MlflowClient, tracking_id: str) -> None:
        self._client = client
        self.tracking_id = tracking_id
        self._epochs_there: set[int] | None = None
        self._batches: list[Mapping[str, float]] = []

    @classmethod
    def open(
        cls,
        run_id: str,
        title: str,
        config: RunConfig,
        tracking_id: str | None,
        origin: Mapping[str, str] | None = None,
        *,
        backend: str,
        parent: str | None = None,
    ) -> Tracker:
        """Connects to the store, and makes the run there unless it exists.

        Args:
            run_id: the run's id in the workspace.
            title: its name for people.
            config: every setting is logged as a parameter.
            tracking_id: its id in the store, or None before it is there.
            origin: where it comes from (see `store.create`); each becomes a tag ``lesionlab.NAME``.
            backend: what the run trains with.
            parent: id in the store of the run that it is a part of.

        Raises:
            RunError: if the store cannot be reached.
        """
        # Read when MLflow is imported; making the tables of a new store would fill the run's log.
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        from mlflow import MlflowClient
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        uri = tracking_uri()
        try:
            # Two workers that meet a new SQLite file would both create its tables.
            with FileLock(workspace() / "mlflow.lock"):
                client = MlflowClient(uri)
                if tracking_id is None:
                    tags = {RUN_TAG: run_id, BACKEND_TAG: backend, "mlflow.runName": title}
                    if parent is not None:
                        tags["mlflow.parentRunId"] = parent
                    tags |= {f"lesionlab.{name}": value for name, value in (origin or {}).items()}
                    tracking_id = client.create_run(_experiment(client), tags=tags).info.run_id
                    # Together: each call is a transaction, and on a slow disk seventy of them take seconds.
                    params = [Param(name, str(value)[:500]) for name, value in _flat(config.model_dump()).items()]
                    for start in range(0, len(params), _PARAMS_AT_ONCE):
                        client.log_batch(tracking_id, params=params[start : start + _PARAMS_AT_ONCE])
                else:
                    client.update_run(tracking_id, status="RUNNING")
            return cls(client, tracking_id)
        except (MlflowException, OSError) as error:
            log.exception("The tracking store cannot be used")
            raise RunError(
                f"The tracking store {uri} cannot be used ({type(error).__name__}); start it, or unset "
                "MLFLOW_TRACKING_URI to keep runs in the workspace."
            ) from error

    def add_batches(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Keeps batch losses for the next `sync`, so that what a resume repeats is not logged twice."""
        self._batches.extend(rows)

    def sync(self, history: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the store does not have yet, and the batch losses kept."""
        from mlflow.entities import Metric

        def write() -> None:
            if self._epochs_there is None:
                known = self._client.get_metric_history(self.tracking_id, "seconds")
                self._epochs_there = {metric.step for metric in known}
            now = int(time.time() * 1000)
            metrics = [Metric("batch_loss", row["loss"], now, int(row["step"])) for row in self._batches]
            new = [row for row in history if int(row["epoch"]) not in self._epochs_there]
            for row in new:
                metrics += [
                    Metric(name, value, now, int(row["epoch"])) for name, value in row.items() if name != "epoch"
                ]
            for start in range(0, len(metrics), _AT_ONCE):
                self._client.log_batch(self.tracking_id, metrics=metrics[start : start + _AT_ONCE])
            self._batches.clear()
            self._epochs_there.update(int(row["epoch"]) for row in new)

        self._patiently("figures", write)

    def finish(self, status: str, artifacts: Path, best: Mapping[str, float], notes: Sequence[str]) -> None:
        """Logs the pictures and tables, the best epoch's figures, and how the run ended ("FINISHED", "KILLED", ...)."""

        from mlflow.entities import Metric, RunTag

        def write() -> None:
            now = int(time.time() * 1000)
            found = [Metric(f"best_{name}", value, now, 0) for name, value in best.items() if math.isfinite(value)]
            tags = [RunTag(f"lesionlab.note.{number}", note[:5000]) for number, note in enumerate(notes)]
            self._client.log_batch(self.tracking_id, metrics=found, tags=tags)
            if artifacts.is_dir() and any(artifacts.iterdir()):
                self._client.log_artifacts(self.tracking_id, str(artifacts))
            self._client.set_terminated(self.tracking_id, status)

        self._patiently("end", write)

    def _patiently(self, what: str, write) -> None:
        from mlflow.exceptions import MlflowException

        try:
            write()
        except (MlflowException, OSError) as error:
            log.warning("The run's %s could not be logged to the tracking store: %s", what, error)


def attach(tracking_id: str | None, folder: Path, metrics: Mapping[str, float]) -> None:
    """Logs files and figures to a run that has ended, such as those of its evaluation.

    The figures are in the workspace as well: a store that cannot be reached is told in the log, and costs nothing else.

    Args:
        tracking_id: the run's id in the store; None logs nothing.
        folder: every file in it is logged. metrics: name → value; what is not finite is left out.
    """
    if tracking_id is None:
        return
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException

    now = int(time.time() * 1000)
    try:
        with FileLock(workspace() / "mlflow.lock"):
            client = MlflowClient(tracking_uri())
        found = [Metric(name, value, now, 0) for name, value in metrics.items() if math.isfinite(value)]
        for start in range(0, len(found), _AT_ONCE):
            client.log_batch(tracking_id, metrics=found[start : start + _AT_ONCE])
        client.log_artifacts(tracking_id, str(folder))
    except (MlflowException, OSError) as error:
        log.warning("The evaluation could not be logged to the tracking store: %s", error)


def _experiment(client: MlflowClient) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return known.experiment_id
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return client.create_experiment(EXPERIMENT)
    # MLflow's own default is a folder below whatever the current folder happens to be.
    return client.create_experiment(EXPERIMENT, artifact_location=(workspace() / "mlartifacts").as_uri())


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
