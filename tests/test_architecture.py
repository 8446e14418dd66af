"""The layering, read from the imports themselves: arrows point one way, and no page waits for TensorFlow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lower numbers know nothing of higher ones.
LAYERS = {
    "errors": 0,
    "quiet": 0,
    "paths": 0,
    "progress": 0,
    "answers": 0,
    "arrays": 0,
    "locks": 0,
    "settings": 0,
    "augmentation": 0,
    "config": 0,
    "overrides": 0,
    "imaging": 1,
    "data": 2,
    "models": 2,
    "training": 3,
    "evaluation": 3,
    "explain": 3,
    "screening": 3,
    "recipes": 3,
    "search": 3,
    "services": 4,
    "cli": 5,
    "__main__": 6,
    "__init__": 0,
}
# A recipe declares a configuration and does nothing with it; training knows nothing of who asks for a run.
STRANGERS = {
    ("data", "models"),
    ("models", "data"),
    *(("recipes", part) for part in ("data", "training", "evaluation", "explain", "screening", "search")),
    *(("search", part) for part in ("data", "evaluation", "explain", "screening")),
    *((part, "search") for part in ("training", "evaluation", "explain", "screening")),
    *((part, "recipes") for part in ("training", "evaluation", "explain", "screening")),
}


def _imports(path: Path) -> set[str]:
    """Every module a file imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _part(module: str) -> str | None:
    pieces = module.split(".")
    return pieces[1] if pieces[0] == "skin_core" and len(pieces) > 1 and pieces[1] in LAYERS else None


CORE = sorted((ROOT / "skin_core").rglob("*.py"))
SCREEN = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_point_down(path: Path) -> None:
    relative = path.relative_to(ROOT / "skin_core")
    own = relative.parts[0].removesuffix(".py")
    imported = _imports(path)
    assert not [name for name in imported if name.split(".")[0] == "streamlit"]
    assert not [name for name in imported if name.split(".")[0] in ("pages", "app", "tests")]
    for part in {_part(name) for name in imported} - {None, own}:
        assert LAYERS[part] <= LAYERS[own], f"{relative} ({own}) must not know {part}"
        assert (own, part) not in STRANGERS, f"{own} and {part} must not know each other"


@pytest.mark.parametrize("path", SCREEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_import_no_network_library_and_only_services_for_work(path: Path) -> None:
    heavy = {"tensorflow", "jax", "torch", "keras", "tf_keras_vis", "mlflow", "ai_edge_litert", "optuna"}
    imported = _imports(path)
    assert not {name.split(".")[0] for name in imported} & heavy
    parts = {_part(name) for name in imported} - {None}
    assert not parts & {"training", "evaluation", "explain", "search", "cli"}, "a page calls services"


def test_the_rule_itself_sees_a_breach(tmp_path: Path) -> None:
    breach = tmp_path / "breach.py"
    breach.write_text("def f():\n    from skin_core.services import runs\n    import keras.layers\n")
    assert _imports(breach) == {"skin_core.services", "skin_core.services.runs", "keras.layers"}
    assert _part("skin_core.services.runs") == "services"


def test_no_file_is_a_drawer_for_everything() -> None:
    assert not [path for path in CORE + SCREEN if path.stem in ("utils", "helpers", "misc", "common")]
