"""Results of this session: each picture is screened once for a model and what is known of the person.

Remembered by the content's hash, in the session only, and forgotten with the picture: no upload outlives its reader.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.ui.pictures import for_display
from pages.ui.progress import showing_progress
from pages.ui.screen.choices import Person, Picture
from skin_core.errors import UnusableImageError
from skin_core.progress import tracked
from skin_core.services.screening import Bundle, BundleInfo, Prediction, load_bundle, screen_image

if TYPE_CHECKING:
    from skin_core.services.second_opinion import Regions

_STORE = "screen_results"
_MAPS = "screen_maps"
_REGIONS = "screen_regions"
Key = tuple[str, str, Person]


@dataclass(frozen=True)
class Result:
    """One picture and what came of it.

    Attributes:
        picture: the file.
        key: bundle, content and person: what the result depends on.
        prediction: with its pixels at display size; None for a file that is no usable image.
        error: one sentence then, else "".
    """

    picture: Picture
    key: Key
    prediction: Prediction | None
    error: str = ""

    @property
    def risk(self) -> float:
        """For sorting: refused pictures and unusable files come last."""
        if self.prediction is None:
            return -2.0
        if not self.prediction.in_distribution:
            return -1.0
        return self.prediction.malignancy if self.prediction.malignancy is not None else 0.0


@lru_cache(maxsize=4)
def _loaded(path: str, digest: str) -> Bundle:
    return load_bundle(path)


def loaded(info: BundleInfo) -> Bundle:
    """The bundle, read once for all sessions; a bundle that was published again is read again.

    Streamlit's own cache wants a session, and `pages.ui.warm` has none.

    Raises:
        BundleError: if it is damaged or not trusted.
    """
    return _loaded(str(info.path), info.digest)


def screen_all(bundle: Bundle, pictures: Sequence[Picture], person: Person) -> list[Result]:
    """Screens what was not screened before, and forgets what is no longer there; highest risk first."""
    known: dict[Key, Result] = st.session_state.get(_STORE, {})
    keys = [(bundle.info.digest, picture.digest, person) for picture in pictures]
    new = [(key, picture) for key, picture in zip(keys, pictures, strict=True) if key not in known]
    found: dict[Key, Result] = {}
    if len(new) > 3:
        with showing_progress("Screening pictures") as report:
            for key, picture in tracked(new, "Screening pictures", len(new), report):
                found[key] = _screened(bundle, picture, person, key)
    else:
        found = {key: _screened(bundle, picture, person, key) for key, picture in new}
    # The same content may have come back under another name.
    kept = {
        key: replace(known[key], picture=picture) if key in known else found[key]
        for key, picture in zip(keys, pictures, strict=True)
    }
    st.session_state[_STORE] = kept
    forget_maps(kept)
    return sorted(kept.values(), key=lambda result: -result.risk)


def remembered_maps() -> dict[tuple[Key, str, str], np.ndarray]:
    """Maps of the deeper methods that this session computed, by result, method and class."""
    return st.session_state.setdefault(_MAPS, {})


def remembered_regions() -> dict[Key, Regions]:
    """The second opinions that this session computed."""
    return st.session_state.setdefault(_REGIONS, {})


def forget_maps(kept: Collection[Key]) -> None:
    """Drops the maps of pictures that are no longer there."""
    st.session_state[_MAPS] = {key: heat for key, heat in remembered_maps().items() if key[0] in kept}
    st.session_state[_REGIONS] = {key: found for key, found in remembered_regions().items() if key in kept}


def screen_again(bundle: Bundle, result: Result) -> Prediction:
    """The prediction with its pixels at full size (milliseconds), for what needs them."""
    return _predict(bundle, result.picture, result.key[2])


def _predict(bundle: Bundle, picture: Picture, person: Person) -> Prediction:
    return screen_image(bundle, picture.data, name="This file", age=person.age, sex=person.sex, site=person.site)


def _screened(bundle: Bundle, picture: Picture, person: Person, key: Key) -> Result:
    try:
        prediction = _predict(bundle, picture, person)
    except UnusableImageError as error:
        return Result(picture, key, None, str(error))
    return Result(picture, key, replace(prediction, pixels=for_display(prediction.pixels)))
