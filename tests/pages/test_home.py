"""The home page: what is ready, what LesionLab is for, and the way to each job."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from skin_core.data.demo import write_demo
from skin_core.paths import demo_dir, models_dir

ROOT = Path(__file__).resolve().parents[2]


def _captions(app) -> str:
    return "\n".join(caption.value for caption in app.caption)


def test_empty_workspace_says_what_to_do_next(open_page) -> None:
    app = open_page()
    assert not app.exception
    assert app.title[0].value == "LesionLab"
    assert "No model is installed yet" in app.info[0].value
    assert app.button(key="empty_data").label == "Make a synthetic set"
    assert "No run yet" in _captions(app)
    # Without a model, the way to one is what stands out; screening is not.
    assert "A set of synthetic lesions is made in one click there." in _captions(app)


def test_says_that_it_is_no_medical_device(open_page) -> None:
    app = open_page()
    assert "not a medical device" in app.sidebar.caption[0].value
    assert any("it is no medical device" in text.value for text in app.markdown)


@pytest.mark.parametrize("target", ["1_Screen", "2_Data", "3_Train", "4_Runs"])
def test_one_click_to_each_job(open_page, target: str) -> None:
    app = open_page()
    app.button(key=f"go_pages/{target}.py").click().run()
    assert not app.exception
    assert app.title[0].value != "LesionLab"


def test_demo_sets_are_counted(open_page) -> None:
    write_demo(demo_dir() / "drawn", layout="folder", n=12)
    assert "1 synthetic set ready to explore and train on" in _captions(open_page())


def test_installed_models_are_listed(open_page, install_bundle) -> None:
    info = install_bundle("mine")
    app = open_page()
    assert not app.exception
    assert f"1 model ready: {info.title}" in _captions(app)
    assert f"**{info.title}**" in [text.value for text in app.markdown]
    assert "trained on synthetic pictures" in _captions(app)
    assert not app.info


def test_a_damaged_model_is_told_and_the_page_still_opens(open_page, install_bundle) -> None:
    install_bundle("mine")
    broken = models_dir() / "broken"
    broken.mkdir()
    (broken / "bundle.json").write_text(json.dumps({"name": "broken"}))
    app = open_page()
    assert not app.exception
    assert ["Bundle 'broken' has a bundle.json that cannot be used" in error.value for error in app.error] == [True]


def test_opens_without_tensorflow_and_mlflow() -> None:
    """A process of its own, because other tests of this one have loaded both."""
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=120).run()\n"
        "assert not app.exception\n"
        "app.switch_page('pages/1_Screen.py').run()\n"
        "assert not app.exception\n"
        "loaded = {'tensorflow', 'keras', 'mlflow', 'sklearn', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
