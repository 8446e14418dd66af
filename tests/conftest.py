"""Fixtures for all tests: a workspace of their own, small synthetic sets, and the real sets where they are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from crossed import crossed
from published import published

import skin_core.quiet  # noqa: F401  (before any library that prints or sends)
from skin_core.data.demo import DemoFaults, write_demo
from skin_core.paths import models_dir
from skin_core.screening.bundle import read_info
from skin_core.screening.record import BundleInfo
from skin_core.services.screening import trust_bundle

REPOSITORY = Path(__file__).resolve().parent.parent

# Most of the suite's time. What takes a minute must not begin when everything else is through, for then one core does
# nothing: these files go first, the longest ahead. Those that make what all share (the tiny bundle, the cross-validated
# run) lead, so that nobody waits for it.
LONGEST = (
    "pages/test_screen.py",
    "browser/test_train_journey.py",
    "training/test_cross_validation.py",
    "bench/test_benches.py",
    "training/test_worker.py",
    "models/test_families.py",
    "screening/test_publish.py",
    "search/test_searches.py",
    "services/test_ensembles.py",
    "cli/test_verbs.py",
    "pages/test_judged_page.py",
    "pages/test_evaluate_page.py",
    "pages/test_train_page.py",
    "screening/test_variant.py",
    "pages/test_runs_page.py",
    "browser/test_cold_links.py",
    "test_quiet.py",
    "models/test_weights.py",
    "pages/test_cross_validation_page.py",
    "data/test_audit_twins.py",
    "data/test_audit.py",
    "pages/test_search_page.py",
    "data/test_cache.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """xdist would begin with the files that have most tests, which are the quickest, and end with the longest."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.fixture(autouse=True)
def workspace(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test writes to a workspace and a folder of bundles of its own, and finds no tracking server."""
    home = tmp_path_factory.mktemp("lesionlab")
    monkeypatch.setenv("LESIONLAB_HOME", str(home / "workspace"))
    monkeypatch.setenv("LESIONLAB_MODELS", str(home / "models"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home / "workspace"


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures, benign and malignant, with a published test folder. Shared by all tests: read only."""
    return write_demo(tmp_path_factory.mktemp("demo") / "folder", layout="folder", n=60)


@pytest.fixture(scope="session")
def demo_ham10000(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """84 pictures of seven classes with lesions, ages, sexes and sites. Shared by all tests: read only."""
    return write_demo(tmp_path_factory.mktemp("demo") / "ham10000", layout="ham10000", n=84)


@pytest.fixture(scope="session")
def demo_isic2024(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 labelled tiles and 6 unlabelled ones in HDF5, with csv files. Shared by all tests: read only."""
    return write_demo(tmp_path_factory.mktemp("demo") / "isic2024", layout="isic2024", n=60)


@pytest.fixture(scope="session")
def demo_faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `demo_folder`, with each fault planted (`skin_core.data.demo.planted_faults` says where). Read only."""
    faults = DemoFaults(conflicts=2, duplicates=2, near_duplicates=2, split_leaks=2, broken=3)
    return write_demo(tmp_path_factory.mktemp("demo") / "faulty", layout="folder", n=60, faults=faults)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets: ``LESIONLAB_TEST_DATA``, else ``../shared/data`` beside the repository."""
    named = os.environ.get("LESIONLAB_TEST_DATA")
    place = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not (place / "ham10000").is_dir():
        pytest.skip(f"the real data sets are not at {place}; set LESIONLAB_TEST_DATA to their folder")
    return place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; and patience: whoever first asks for the tiny bundle or the cross-validated run waits for a training
    and an export, on a busy machine for minutes."""
    places = {REPOSITORY / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        waits = {"tiny_bundle", "crossed_run"} & {*getattr(item, "fixturenames", ())}
        if waits and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle published from a real run on drawn lesions (see `published`). Read only; half a minute."""
    place = tmp_path_factory.getbasetemp()
    # Under xdist each worker has a folder of its own below one that they share.
    return published(place.parent if "PYTEST_XDIST_WORKER" in os.environ else place)


@pytest.fixture(scope="session")
def crossed_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The workspace of a finished cross-validated run (see `crossed`), and what the command line told. Read only."""
    place = tmp_path_factory.getbasetemp()
    return crossed(place.parent if "PYTEST_XDIST_WORKER" in os.environ else place)


@pytest.fixture
def install_bundle(tiny_bundle: Path) -> Callable[..., BundleInfo]:
    """``install_bundle("mine")`` puts a copy of the tiny bundle into this test's models, trusted unless told not to."""

    def installed(name: str, *, trusted: bool = True, **changes: object) -> BundleInfo:
        target = models_dir() / name
        shutil.copytree(tiny_bundle, target)
        record = json.loads((target / "bundle.json").read_text(encoding="utf-8"))
        (target / "bundle.json").write_text(json.dumps({**record, "name": name, **changes}), encoding="utf-8")
        return trust_bundle(name) if trusted else read_info(name)

    return installed
