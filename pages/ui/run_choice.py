"""What to train and on what: data set, recipe and family. The same on the pages Train and Search."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.ui import dataset_store
from pages.ui.dataset_picker import synthetic_panel
from pages.ui.words import plain
from skin_core.config import RunConfig
from skin_core.models.family import ModelFamily
from skin_core.models.registry import all_families, default_config
from skin_core.recipes import Recipe, all_recipes
from skin_core.services import datasets, runs


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        path: of the data set.
        family: the chosen one, or the recipe's.
        recipe: its name; empty for none.
        defaults: the recipe's or the family's own configuration on the data set.
        key: what the keys of a form with these defaults begin with.
    """

    path: str
    family: ModelFamily
    recipe: str
    defaults: RunConfig
    key: str


def choose_what(key: str) -> Choice | None:
    """Draws the three boxes; without any data set it says what to do and returns None.

    Args:
        key: what the boxes' keys begin with.
    """
    known = datasets.known_datasets()
    if not known:
        st.info(
            "A run needs data. Open your own on the Data page, or take a synthetic set.", icon=":material/database:"
        )
        st.page_link("pages/2_Data.py", label="Open a data set", icon=":material/folder_open:")
        synthetic_panel(key=f"{key}_demo")
        return None
    titles = datasets.titles_of(known)
    chosen = dataset_store.chosen_path()
    data_box, recipe_box, family_box = st.columns(3)
    with data_box:
        path = st.selectbox(
            "Data set",
            list(titles),
            list(titles).index(chosen) if chosen in titles else 0,
            format_func=titles.__getitem__,
            key=f"{key}_data",
            help="Opened before, synthetic, or offered on this machine; others are opened on the Data page.",
        )
    recipes, families = all_recipes(), all_families()
    with recipe_box:
        name = st.selectbox(
            "Recipe",
            ["", *recipes],
            format_func=lambda name: recipes[name].title if name else "none: the family's own settings",
            key=f"{key}_recipe",
            help="A named set of settings, published or ours; it fills in the form, and everything can be changed.",
        )
    with family_box:
        if name:
            family = families[recipes[name].family]
            st.text_input("Family", family.title, disabled=True, key=f"{key}_family_of_{name}")
        else:
            family = families[
                st.selectbox(
                    "Family",
                    list(families),
                    format_func=lambda key: families[key].title,
                    key=f"{key}_family",
                    index=list(families).index("light_cnn") if "light_cnn" in families else 0,
                )
            ]
    if name:
        _told(recipes[name])
        before = runs.to_go_on_from(name, path)
        if recipes[name].after and not before:
            st.info(
                f"It goes on from a run of “{recipes[recipes[name].after].title}” on the same data: train that first."
            )
        return Choice(path, family, name, recipes[name].config(path, before), f"recipe.{name}")
    st.caption(family.summary)
    return Choice(path, family, "", default_config(family.name, path), f"run.{family.name}")


def _told(recipe: Recipe) -> None:
    st.markdown(plain(recipe.paragraph))
    st.caption(
        f":material/menu_book: {plain(recipe.source)}  \n"
        f":material/schedule: {plain(recipe.takes)}  \n"
        f":material/insights: {plain(recipe.expect)}"
    )
