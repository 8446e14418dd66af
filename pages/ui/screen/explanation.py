"""Where the model looked: the picture beside a heat map of any class, deeper methods and a second opinion on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.ui.errors import showing_errors
from pages.ui.pictures import as_png
from pages.ui.screen.results import Result, remembered_maps, screen_again
from pages.ui.words import plain
from skin_core.services.screening import (
    NOT_MEASURED,
    Bundle,
    DeeperMethod,
    Prediction,
    deeper_explanation,
    explains_at_once,
    heatmap,
    overlay,
    shown_first,
)

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

REGIONS = "Regions, hidden in turn"
# None is Grad-CAM, which came with the prediction; the others are computed when they are chosen.
METHODS: dict[str, DeeperMethod | None] = {
    "Grad-CAM": None,
    "Grad-CAM++": "gradcam++",
    "Score-CAM": "scorecam",
    "SmoothGrad": "smoothgrad",
}


@st.fragment
def show_explanation(bundle: Bundle, result: Result) -> None:
    """A fragment: moving the slider blends two arrays again and does nothing else."""
    prediction, titles = result.prediction, bundle.info.titles
    st.subheader("Where the model looked", anchor=False)
    one, two, three = st.columns(3, gap="medium", vertical_alignment="bottom")
    with two:
        method = st.selectbox("Method", [*METHODS, REGIONS], key=f"screen_method_{result.picture.digest}")
    with three:
        opacity = st.slider("Opacity of the map (%)", 0, 100, 45, step=5, key=f"screen_opacity_{result.picture.digest}")
    if method == REGIONS:
        _second_opinion(bundle, result, one, opacity / 100)
        return
    by_probability = sorted(prediction.classes, key=lambda name: -prediction.probabilities[name])
    with one:
        chosen = st.selectbox(
            "Class",
            by_probability,
            index=by_probability.index(_asked_about(bundle, prediction)),
            format_func=lambda name: plain(titles[name]),
            key=f"screen_class_{result.picture.digest}",
        )

    # Only a deeper map has its own full size; Grad-CAM is cut from the prediction at any size.
    full_heat = None if METHODS[method] is None else _deeper(bundle, result, method, chosen)
    heat = heatmap(prediction, chosen) if METHODS[method] is None else _at_display_size(full_heat, prediction)
    shown, told = st.container(), st.container()
    if heat is not None:
        # Before the picture, though it stands below it: a button that lagged behind the picture that it saves
        # would ask the server for a file that this rerun has already dropped.
        told.download_button(
            "Save the overlay (PNG)",
            data=lambda: _full_overlay(bundle, result, chosen, full_heat, opacity / 100),
            file_name="lesionlab-overlay.png",
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
            key=f"screen_save_{result.picture.digest}",
        )
    with shown:
        original, explained = st.columns(2, gap="medium")
        original.image(prediction.pixels, caption="The picture", width="stretch", output_format="JPEG")
        if heat is None:
            return
        explained.image(
            overlay(prediction.pixels, heat, opacity / 100),
            caption=f"{method} for {plain(titles[chosen])}",
            width="stretch",
            output_format="JPEG",
        )
        _legend(prediction, heat, titles[chosen])
        _trust(bundle, METHODS[method])


def _asked_about(bundle: Bundle, prediction: Prediction) -> str:
    """The class to show first: the likeliest; of a referred lesion the likeliest of those that make the risk."""
    probabilities = np.array([prediction.probabilities[name] for name in prediction.classes])
    return prediction.classes[shown_first(bundle.info, probabilities, prediction.malignancy)]


def _second_opinion(bundle: Bundle, result: Result, place: DeltaGenerator, opacity: float) -> None:
    """Which regions raise the risk or a class, and which lower it."""
    # Brings the search for regions, which nobody else waits for.
    from pages.ui.screen import second_opinion as regions_part

    prediction = result.prediction
    with place:
        targets = regions_part.targets(bundle, prediction, _asked_about(bundle, prediction))
        target = st.selectbox(
            "Explained",
            targets,
            format_func=lambda name: regions_part.target_words(bundle, name),
            key=f"screen_target_{result.picture.digest}",
        )
    found = regions_part.regions_of(bundle, result)
    shown, told = st.container(), st.container()
    if found is not None:
        picture = regions_part.regions_picture(result, found, target, opacity)
        with told:
            regions_part.show_parts(bundle, result, found, target)
        told.download_button(
            "Save the overlay (PNG)",
            data=lambda: as_png(picture),
            file_name="lesionlab-regions.png",
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
            key=f"screen_save_regions_{result.picture.digest}",
        )
    original, explained = shown.columns(2, gap="medium")
    original.image(prediction.pixels, caption="The picture", width="stretch", output_format="JPEG")
    if found is not None:
        explained.image(
            picture,
            caption=f"{regions_part.target_words(bundle, target)}: raised by orange (+), lowered by blue (−)",
            width="stretch",
            output_format="JPEG",
        )


def _legend(prediction: Prediction, heat: np.ndarray, title: str) -> None:
    if not np.nanmax(heat, initial=0.0) > 0:
        st.caption(f"Nothing in this picture speaks for {plain(title)}.")
        return
    hidden = " Parts without colour were cropped away and not seen by the model." if np.isnan(heat).any() else ""
    st.caption(
        "Yellow weighs most for the class, dark blue least. A map shows what the model used, not what the lesion is: "
        f"a bright ruler, hair or corner is a reason for doubt.{hidden}"
    )


def _trust(bundle: Bundle, method: DeeperMethod | None) -> None:
    """What was measured of the maps of this model, beside every map that it draws."""
    if method is not None:
        st.caption(
            ":material/straighten: Whether its maps show what this model looks at was measured for Grad-CAM only."
        )
        return
    check = bundle.info.map_check
    st.caption(f":material/straighten: {plain(NOT_MEASURED if check is None else check.sentence())}")


def _deeper(bundle: Bundle, result: Result, method: str, chosen: str) -> np.ndarray | None:
    """The map of a deeper method if the engine gives it or it was computed, else the button for it."""
    store = remembered_maps()
    key = (result.key, method, chosen)
    if key in store:
        return store[key]
    place = st.empty()
    if not explains_at_once(bundle, METHODS[method]):
        with place.container():
            st.info(
                f"{method} needs the Keras model and takes 20 to 60 seconds, most of them to start TensorFlow.",
                icon=":material/schedule:",
            )
            if not st.button(f"Compute {method}", type="primary", key=f"screen_compute_{result.picture.digest}"):
                return None
    person = result.key[2]
    with showing_errors(), st.spinner(f"{method} for {plain(bundle.info.titles[chosen])} …", show_time=True):
        store[key] = deeper_explanation(
            bundle,
            screen_again(bundle, result),
            METHODS[method],
            chosen,
            age=person.age,
            sex=person.sex,
            site=person.site,
        )
        place.empty()
    return store.get(key)


def _at_display_size(heat: np.ndarray | None, prediction: Prediction) -> np.ndarray | None:
    if heat is None or heat.shape == prediction.pixels.shape[:2]:
        return heat
    # Nearest neighbours: a heat map is smooth, and NaN must not spread.
    rows = np.linspace(0, heat.shape[0] - 1, prediction.pixels.shape[0]).round().astype(int)
    columns = np.linspace(0, heat.shape[1] - 1, prediction.pixels.shape[1]).round().astype(int)
    return heat[np.ix_(rows, columns)]


def _full_overlay(bundle: Bundle, result: Result, chosen: str, heat: np.ndarray | None, opacity: float) -> bytes:
    """Made when the button is pressed, in another thread: it may not read the session."""
    prediction = screen_again(bundle, result)
    return as_png(overlay(prediction.pixels, heatmap(prediction, chosen) if heat is None else heat, opacity))
