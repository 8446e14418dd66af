"""What the reader gives: the model, the pictures, and what is known of the person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import streamlit as st

from pages.ui.words import plain
from skin_core.services.screening import BundleInfo

EXAMPLE_NAME = "Drawn example"
_EXAMPLE = "screen_example"


@dataclass(frozen=True)
class Person:
    """What is known of the person; None is "not known".

    Attributes:
        age: years, 0 to 120.
        sex: "female" or "male".
        site: where on the body, in the bundle's vocabulary.
    """

    age: float | None = None
    sex: str | None = None
    site: str | None = None


@dataclass(frozen=True)
class Picture:
    """One file to screen.

    Attributes:
        name: as its owner called it; shown to them, kept nowhere.
        data: the file's bytes.
        digest: sha256 of the bytes: what results are remembered by.
    """

    name: str
    data: bytes = field(repr=False)
    digest: str = ""

    @classmethod
    def of(cls, name: str, data: bytes) -> Picture:
        """A picture with its digest."""
        return cls(name, data, hashlib.sha256(data).hexdigest())


def choose_pictures() -> list[Picture]:
    """Pictures dropped, taken with the camera, or drawn as an example; each content once."""
    files = st.file_uploader(
        "Drop photos here, one lesion each",
        accept_multiple_files=True,
        key="screen_files",
        help="JPEG, PNG, TIFF, WebP, BMP or GIF. They are read in this session only and never stored.",
    )
    pictures = [Picture.of(file.name, file.getvalue()) for file in files or ()]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try a drawn lesion",
            key="screen_try",
            icon=":material/draw:",
            on_click=_draw_example,
            help="Draws a synthetic lesion, to see how this page works without a photo.",
        )
        camera = st.toggle("Use the camera", key="screen_camera_on")
        if _EXAMPLE in st.session_state:
            st.button("Remove the drawn lesion", key="screen_forget", type="tertiary", on_click=_forget_example)
    if camera:
        shot = st.camera_input("One lesion, close and sharp, filling a third of the frame", key="screen_camera")
        if shot is not None:
            pictures.append(Picture.of("Camera picture", shot.getvalue()))
    if _EXAMPLE in st.session_state:
        pictures.append(Picture.of(EXAMPLE_NAME, st.session_state[_EXAMPLE]))
    return list({picture.digest: picture for picture in reversed(pictures)}.values())[::-1]


def about_the_person(info: BundleInfo) -> Person:
    """Age, sex and site, as far as the model takes them; nothing is asked that it would not use."""
    asked = [name for name in ("age", "sex", "site") if name in info.features]
    if not asked:
        return Person()
    given: dict[str, object] = {}
    for column, name in zip(st.columns(len(asked)), asked, strict=True):
        with column:
            given[name] = _ask(name, info)
    return Person(**given)


def _ask(name: str, info: BundleInfo) -> object:
    if name == "age":
        return st.number_input(
            "Age (years)", 0, 120, value=None, step=1, placeholder="not known", key=f"screen_age_{info.name}"
        )
    options = ("female", "male") if name == "sex" else info.sites
    return st.selectbox(
        "Sex" if name == "sex" else "Site on the body",
        options,
        index=None,
        format_func=lambda value: plain(value.capitalize()),
        placeholder="not known",
        key=f"screen_{name}_{info.name}",
    )


def _draw_example() -> None:
    from skin_core.services.examples import example_picture

    seed = st.session_state.get("screen_example_seed", -1) + 1
    st.session_state["screen_example_seed"] = seed
    st.session_state[_EXAMPLE] = example_picture(seed)


def _forget_example() -> None:
    st.session_state.pop(_EXAMPLE, None)
