"""A finished cross-validated run made by hand: predictions, folds and what is known of the pictures, without a training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from skin_core.data.manifest import as_manifest_types
from skin_core.evaluation.figures import OF_DECISION
from skin_core.evaluation.scored import Scored
from skin_core.models.registry import default_config
from skin_core.screening.predictions import save_predictions
from skin_core.services import runs
from skin_core.training.folder import RunFolder

N = 200
IDS = np.array([f"i{number:03}" for number in range(N)])
# Without a threshold there are no figures of a decision.
DECIDED = ("melanoma_sensitivity", *(f"malignancy_{name}" for name in OF_DECISION))
# Two pictures a lesion, the lesions dealt in turn.
FOLDS = np.arange(N) // 2 % 4 + 1
# The third fold held one class only, so that the figure is undefined there.
BY_FOLD = {1: 0.8, 2: 0.9, 3: None, 4: 0.7}


def scored(risk: np.ndarray, labels: np.ndarray) -> Scored:
    """What networks say of pictures, benign or melanoma, two of a lesion beside each other.

    Args:
        risk: float (M,). labels: int (M,), 0 benign, 1 melanoma.
    """
    return Scored(
        classes=("benign", "mel"),
        labels=labels,
        levels=2 * labels,
        melanoma=labels,
        groups=np.array([f"lesion {number // 2}" for number in range(len(labels))]),
        probabilities=np.stack([1 - risk, risk], axis=1),
        risk=risk,
        melanoma_column=1,
    )


def noisy(noise: float, seed: int, n: int = N) -> Scored:
    """Predictions of networks for n pictures, which they see the better the less noise there is."""
    labels = np.random.default_rng(0).integers(0, 2, n)
    risk = 1 / (1 + np.exp(-(3 * labels - 1.5 + noise * np.random.default_rng(seed).normal(0, 1, n))))
    return scored(risk, labels)


def keep(place: Path, truth: Scored, folds: np.ndarray = FOLDS, people: pd.DataFrame | None = None) -> str:
    """Makes the run in this test's workspace and returns its id.

    Args:
        place: what stands as its data set.
        truth: its out-of-fold predictions.
        folds: int (N,), of each picture.
        people: what is known of each picture beside its truth (age, sex, site); without it, nothing is.
    """
    settings = {"folds": 4, "lesion_ids_from": (str(place / "others"),), "weights": str(place / "own.weights.h5")}
    run_id = runs.create_run(default_config("light_residual", str(place)).model_copy(update=settings))
    folder = RunFolder.of(run_id)
    rows = "".join(f"{name},{name},{fold}\n" for name, fold in zip(IDS, folds, strict=True))
    folder.folds.write_text("image_id,group,fold\n" + rows)
    save_predictions(folder.out_of_fold, IDS, truth)
    figures = {
        name: {part: None if math.isnan(value) else value for part, value in entry.items()}
        for name, entry in truth.metrics(resamples=50).items()
        if name not in DECIDED
    }
    members = [
        {"fold": fold, "n": 50, "n_groups": 25, "n_train": 120, "epoch": 2, "epochs": 3, "seconds": 60.0}
        | {"metrics": {"macro_auc": value}}
        for fold, value in BY_FOLD.items()
    ]
    record = {"n": N, "folds": 4, "select": "inner", "metrics": figures, "members": members}
    record |= {"intervals": "By hand.", "notes": ["One."], "time": "2026-01-01T12:34:00+00:00"}
    folder.cross_validation.write_text(json.dumps(record))
    _prepared(folder, place, truth, people)
    return run_id


def _prepared(folder: RunFolder, place: Path, truth: Scored, people: pd.DataFrame | None) -> None:
    known = pd.DataFrame(
        {
            "image_id": IDS,
            "location": [f"{name}.jpg" for name in IDS],
            "label": np.array(truth.classes, dtype=object)[truth.labels],
            "risk_level": np.array(["benign", "malignant"], dtype=object)[truth.labels],
            "group_id": truth.groups,
        }
    )
    frame = as_manifest_types(known if people is None else pd.concat([known, people], axis=1))
    frame.to_parquet(folder.manifest, index=False)
    frame[["image_id"]].assign(split="train").to_csv(folder.split, index=False)
    facts = {
        "source": "folder",
        "root": str(place),
        "manifest_notes": [],
        "fingerprint": "0" * 16,
        "classes": truth.classes,
        "risk_levels": ["benign", "malignant"],
        "synthetic": False,
        "notes": [],
    }
    folder.prepared.write_text(json.dumps(facts))
