"""The Screen page with real files and a really published model: what it says is what the services say."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from published import known_pictures

from skin_core.services.examples import example_picture
from skin_core.services.screening import load_bundle, screen_image

PAGE = "pages/1_Screen.py"


@pytest.fixture
def lesions(tiny_bundle) -> list[bytes]:
    """Drawn lesions that the model knows, each another picture."""
    return [path.read_bytes() for path in known_pictures(tiny_bundle)[:40:8]]


@pytest.fixture
def lesion(lesions) -> bytes:
    """One of them."""
    return lesions[0]


@pytest.fixture
def noise() -> bytes:
    """A picture that is no lesion: random pixels."""
    pixels = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _drop(app, *files: tuple[str, bytes]):
    return app.file_uploader(key="screen_files").set_value([(name, data, "image/jpeg") for name, data in files]).run()


def _texts(app) -> str:
    return "\n".join(element.value for kind in ("markdown", "caption", "info", "warning") for element in app.get(kind))


def _in_hundred(probability: float) -> str:
    if probability < 0.005:
        return "under 1 in 100"
    return "over 99 in 100" if probability > 0.995 else f"{round(100 * probability)} in 100"


def _bars(app) -> dict[str, float]:
    """Class title → bar length, read from the chart's own specification."""
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    (bars,) = figure["data"]
    lengths = bars["x"]
    if isinstance(lengths, dict):
        import base64

        lengths = np.frombuffer(base64.b64decode(lengths["bdata"]), dtype=lengths["dtype"]).tolist()
    titles = [label.replace("<br>", " ").rpartition(" (")[0] for label in bars["customdata"]]
    return dict(zip(titles, lengths, strict=True))


def test_without_a_model_it_says_what_to_do_next(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "No model is installed yet" in app.info[0].value
    app.button(key="empty_train").click().run()
    assert not app.exception
    assert app.title[0].value != "Screen a lesion"


def test_two_models_of_one_title_are_told_apart(open_page, install_bundle) -> None:
    install_bundle("first")
    install_bundle("second")
    app = open_page(PAGE)
    assert not app.exception
    assert app.selectbox(key="screen_bundle").options == ["Tiny network (first)", "Tiny network (second)"]
    install_bundle("third", title="Another")
    assert open_page(PAGE).selectbox(key="screen_bundle").options[-1] == "Another"


def test_one_model_asks_nothing_and_stands_by_its_warning(open_page, install_bundle) -> None:
    install_bundle("only")
    app = open_page(PAGE)
    assert not app.exception
    assert not app.selectbox
    # It takes no age, sex or site, so none is asked for.
    assert [field.key for field in app.number_input] == ["screen_prevalence_only"]
    assert "trained on synthetic pictures" in _texts(app)


def test_answer_is_what_the_service_says(open_page, install_bundle, lesion) -> None:
    info = install_bundle("only")
    expected = screen_image(load_bundle("only"), lesion)
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    assert not app.exception
    assert not app.error
    assert expected.in_distribution
    assert app.metric[0].value == _in_hundred(expected.malignancy)
    assert f"Probability {expected.malignancy:.2f}" in _texts(app)
    assert f"threshold {info.operating_point.threshold:.2f}" in _texts(app)
    assert expected.sentence in _texts(app)
    assert "not a medical device" in _texts(app)
    shown = _bars(app)
    assert shown == pytest.approx({info.titles[name]: value for name, value in expected.probabilities.items()})
    # Likeliest on top: plotly draws the last bar highest.
    assert list(shown.values()) == sorted(shown.values())
    # The likeliest class is explained first, of a referred lesion the likeliest dangerous one; every class can be chosen.
    dangerous = {entry.name for entry in info.classes if entry.risk_level in ("malignant", "premalignant")}
    asked = dangerous if expected.decision == "refer" else set(expected.probabilities)
    assert app.selectbox[0].value == max(asked, key=expected.probabilities.get)
    assert set(app.selectbox[0].options) == set(info.titles.values())


def test_slider_and_class_run_no_model(open_page, install_bundle, lesion) -> None:
    install_bundle("only")
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    (before,) = app.session_state["screen_results"].values()
    app.slider[0].set_value(80).run()
    app.selectbox[0].select_index(3).run()
    (after,) = app.session_state["screen_results"].values()
    assert not app.exception
    assert after.prediction is before.prediction


def test_no_file_name_in_what_is_remembered(open_page, install_bundle, lesion, caplog) -> None:
    install_bundle("only")
    app = _drop(open_page(PAGE), ("Jane Doe 1971.jpg", lesion))
    assert "Jane Doe" not in repr(list(app.session_state["screen_results"]))
    assert "Jane Doe" not in caplog.text
    # Taken away by its owner: nothing of it is kept.
    app.file_uploader(key="screen_files").set_value(None).run()
    assert app.session_state["screen_results"] == {}


def test_a_picture_that_is_no_lesion_gets_no_risk(open_page, install_bundle, noise) -> None:
    install_bundle("only")
    app = _drop(open_page(PAGE), ("cat.png", noise))
    assert not app.exception
    assert not app.metric
    assert not app.get("plotly_chart")
    assert "No answer for this picture" in app.warning[0].value
    assert "so no risk is given" in app.warning[0].value


def test_a_bad_file_is_one_sentence_and_the_others_go_through(open_page, install_bundle, lesion, noise) -> None:
    install_bundle("only")
    app = _drop(
        open_page(PAGE), ("notes.jpg", b"no picture at all"), ("empty.png", b""), ("cat.png", noise), ("ok.jpg", lesion)
    )
    assert not app.exception
    assert sorted(error.value.partition(":")[0] for error in app.error) == ["**empty.png**", "**notes.jpg**"]
    assert all("expected a JPEG" in error.value for error in app.error)
    # The table has every file: the answered first, then the refused, then what is no picture.
    table = app.dataframe[0].value
    assert table["Picture"].tolist()[:2] == ["ok.jpg", "cat.png"]
    assert table["Decision"].tolist()[1:] == ["No answer for this picture", "Not usable", "Not usable"]
    assert app.metric[0].value == table["Risk"].iloc[0]


def test_several_pictures_highest_risk_first(open_page, install_bundle, lesions) -> None:
    install_bundle("only")
    bundle = load_bundle("only")
    pictures = {f"{place}.jpg": data for place, data in enumerate(lesions)}
    risks = {name: screen_image(bundle, data).malignancy for name, data in pictures.items()}
    answered = sorted((name for name in risks if risks[name] is not None), key=lambda name: -risks[name])
    assert len(answered) >= 2
    app = _drop(open_page(PAGE), *pictures.items())
    assert not app.exception
    assert app.dataframe[0].value["Picture"].tolist()[: len(answered)] == answered
    # Each can be looked at; the highest risk is opened first.
    assert app.metric[0].value == _in_hundred(risks[answered[0]])
    picker = app.selectbox(key="screen_picked")
    picker.select_index(1).run()
    assert app.metric[0].value == _in_hundred(risks[answered[1]])


def test_the_same_picture_twice_is_one_result(open_page, install_bundle, lesion) -> None:
    install_bundle("only")
    app = _drop(open_page(PAGE), ("one.jpg", lesion), ("two.jpg", lesion))
    assert not app.exception
    assert len(app.session_state["screen_results"]) == 1
    assert len(app.metric) == 1


def test_a_name_with_markup_changes_nothing(open_page, install_bundle, lesion) -> None:
    install_bundle("only")
    app = _drop(open_page(PAGE), ("![x](http://example.org/x.png).jpg", lesion))
    assert not app.exception
    assert r"**!\[x\](http\://example.org/x.png).jpg**" in [text.value for text in app.markdown]


def test_drawn_example_in_one_click(open_page, install_bundle) -> None:
    install_bundle("only")
    app = open_page(PAGE)
    app.button(key="screen_try").click().run()
    assert not app.exception
    expected = screen_image(load_bundle("only"), example_picture(0))
    assert "**Drawn example**" in _texts(app)
    assert expected.sentence in _texts(app)
    app.button(key="screen_forget").click().run()
    assert "**Drawn example**" not in _texts(app)


def test_starter_is_preselected_and_the_address_can_name_another(open_page, install_bundle) -> None:
    install_bundle("another", title="Another")
    install_bundle("starter", title="Starter")
    assert open_page(PAGE).selectbox(key="screen_bundle").value == "starter"
    assert open_page(PAGE, bundle="another").selectbox(key="screen_bundle").value == "another"
    assert open_page(PAGE, bundle="gone").selectbox(key="screen_bundle").value in ("another", "starter")


def test_a_model_from_elsewhere_waits_for_trust(open_page, install_bundle, lesion) -> None:
    install_bundle("foreign", trusted=False)
    app = open_page(PAGE)
    assert "was not published on this machine" in app.warning[0].value
    assert not app.get("file_uploader")
    app.button(key="trust_bundle").click().run()
    app = _drop(app, ("photo.jpg", lesion))
    assert not app.exception
    assert app.metric


def test_a_damaged_model_is_one_sentence(open_page, install_bundle) -> None:
    info = install_bundle("only")
    (info.path / "screen.tflite").write_bytes(b"cut short")
    app = open_page(PAGE)
    assert not app.exception
    assert len(app.error) == 1
    assert "is not the file that was published" in app.error[0].value


def _person_page() -> None:
    import streamlit as st

    from pages.ui.screen.choices import about_the_person
    from skin_core.services.screening import list_bundles

    st.session_state["given"] = about_the_person(list_bundles()[0])


def test_age_sex_and_site_only_where_the_model_takes_them(install_bundle) -> None:
    from streamlit.testing.v1 import AppTest

    install_bundle(
        "fusion",
        features=["age", "sex", "site"],
        encoder={"columns": [{"name": "site", "levels": ["anterior torso", "head/neck"]}]},
    )
    app = AppTest.from_function(_person_page, default_timeout=60).run()
    assert not app.exception
    # Not known is not known: nothing is filled in for the reader.
    assert vars(app.session_state["given"]) == {"age": None, "sex": None, "site": None}
    app.number_input[0].set_value(61)
    app.selectbox[0].select("male")
    app.selectbox[1].select("head/neck")
    app.run()
    assert vars(app.session_state["given"]) == {"age": 61, "sex": "male", "site": "head/neck"}


@pytest.mark.timeout(900)
def test_deeper_method_runs_on_demand_and_is_remembered(open_page, install_bundle, lesion) -> None:
    install_bundle("only")
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    method = next(box for box in app.selectbox if box.label == "Method")
    # The engine gives these two at once; nothing long starts before it is asked for.
    for quick in ("Grad-CAM++", "Score-CAM"):
        method.select(quick).run()
        assert not app.exception and not [button for button in app.button if button.label.startswith("Compute")]
        assert len(app.session_state["screen_maps"]) == 1
        app.session_state["screen_maps"].clear()
    method.select("SmoothGrad").run()
    assert "SmoothGrad needs the Keras model" in app.info[-1].value
    compute = next(button for button in app.button if button.label == "Compute SmoothGrad")
    compute.click().run(timeout=600)
    assert not app.exception
    assert not app.error
    (heat,) = app.session_state["screen_maps"].values()
    with Image.open(io.BytesIO(lesion)) as picture:
        assert heat.shape == (picture.height, picture.width)
    assert 0 <= np.nanmin(heat) <= np.nanmax(heat) <= 1
    # Another opacity shows the same map at once; the button is gone.
    app.slider[0].set_value(70).run()
    assert not [button for button in app.button if button.label.startswith("Compute")]
    # With the picture, its maps are forgotten.
    app.file_uploader(key="screen_files").set_value(None).run()
    assert app.session_state["screen_maps"] == {}


def test_the_prevalence_that_a_risk_assumes_stands_beside_it(open_page, install_bundle, lesion) -> None:
    from skin_core.services.clinic import at_clinic_prevalence

    info = install_bundle("only")
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    own = f"{100 * info.prevalence:.1f} in 100"
    assert f"It assumes that {own} lesions are malignant or premalignant" in _texts(app)
    sentence = screen_image(load_bundle("only"), lesion).sentence
    risk = screen_image(load_bundle("only"), lesion).malignancy
    app.number_input(key="screen_prevalence_only").set_value(0.5).run()
    assert not app.exception and not app.error
    at = at_clinic_prevalence(info, 0.005, risk)
    assert at.risk < risk and app.metric[0].value == _in_hundred(at.risk)
    assert "Recomputed for your clinic's 0.5 in 100" in _texts(app) and own in _texts(app)
    assert f"threshold {at.threshold:.3f}" in _texts(app)
    # The decision is the same one.
    assert sentence in _texts(app)


def _beside_the_map(app) -> str:
    """The one caption that says what was measured of the maps."""
    (told,) = (caption.value for caption in app.caption if caption.value.startswith(":material/straighten:"))
    return told.removeprefix(":material/straighten: ")


def test_what_was_measured_of_the_maps_stands_beside_them(open_page, install_bundle, lesion) -> None:
    info = install_bundle("only")
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    assert _beside_the_map(app) == info.map_check.sentence()
    next(box for box in app.selectbox if box.label == "Method").select("Grad-CAM++").run()
    assert "was measured for Grad-CAM only" in _beside_the_map(app)


def test_an_older_model_says_that_its_maps_were_not_measured(open_page, install_bundle, lesion) -> None:
    install_bundle("older", map_check=None)
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    assert not app.exception
    assert _beside_the_map(app) == "Whether this model's heat maps show what it looks at was not measured."


def test_the_second_opinion_in_regions_and_words(open_page, install_bundle, lesion) -> None:
    from skin_core.services.second_opinion import RISK, second_opinion, told

    info = install_bundle("only")
    bundle = load_bundle("only")
    prediction = screen_image(bundle, lesion)
    expected = second_opinion(bundle, prediction)
    app = _drop(open_page(PAGE), ("photo.jpg", lesion))
    next(box for box in app.selectbox if box.label == "Method").select("Regions, hidden in turn").run()
    assert not app.exception and not app.error
    box = next(box for box in app.selectbox if box.label == "Explained")
    assert box.value == RISK and len(box.options) == 1 + len(info.classes)
    # On a machine that is busy it is asked for first, with how long it takes.
    if waiting := [button for button in app.button if button.label == "Hide the regions in turn"]:
        assert "takes this model about" in _texts(app)
        waiting[0].click().run()
    (found,) = app.session_state["screen_regions"].values()
    assert np.array_equal(found.values, expected.values)
    risk = told(info, prediction, expected, RISK)
    assert f"The risk is {risk.whole:.2f} with the whole picture and {risk.base:.2f} with every region" in _texts(app)
    assert "Orange regions (+) raise it" in _texts(app) and "Grad-CAM" in _texts(app)
    # A class and another opacity ask the network nothing more.
    box.select("mel").run()
    app.slider[0].set_value(80).run()
    assert not app.exception
    assert f"The probability of {info.titles['mel']} is" in _texts(app)
    assert next(iter(app.session_state["screen_regions"].values())) is found
    app.file_uploader(key="screen_files").set_value(None).run()
    assert app.session_state["screen_regions"] == {}
