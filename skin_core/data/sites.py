"""Where on the body: the ISIC archive's general anatomical vocabulary, and what other sets call the same places."""

from __future__ import annotations

import pandas as pd

from skin_core.data.words import translated
from skin_core.errors import ConfigError

SITES = (
    "head/neck",
    "upper extremity",
    "lower extremity",
    "anterior torso",
    "lateral torso",
    "posterior torso",
    "palms/soles",
    "oral/genital",
)

_TRUNK = "trunk"
# HAM10000's "trunk" is left out on purpose: it does not say front or back, so it stays a level of its own.
_SAME_PLACE = {
    "abdomen": "anterior torso",
    "chest": "anterior torso",
    "back": "posterior torso",
    "face": "head/neck",
    "ear": "head/neck",
    "scalp": "head/neck",
    "neck": "head/neck",
    "head": "head/neck",
    "hand": "upper extremity",
    "foot": "lower extremity",
    "acral": "palms/soles",
    "genital": "oral/genital",
    "oral": "oral/genital",
}
_SAID_NOTHING = frozenset({"", "unknown", "unk", "nan", "none", "not specified"})


def general_site(raw: pd.Series) -> pd.Series:
    """Translates site names.

    Args:
        raw: site names as a data set has them, any case.

    Returns:
        string, same index: the general vocabulary's word; a value without one is its own level, in lower case;
        NA where nothing is known.
    """
    return translated(raw.astype("string"), lambda said: _general(said.strip().lower()))


def site_of(said: str) -> str | None:
    """One site that a person gave, in the general vocabulary; None for "unknown" and the like.

    Raises:
        ConfigError: for a word that no set known here uses, with those that are known.
    """
    word = said.strip().lower()
    if word in _SAID_NOTHING:
        return None
    if word not in (*SITES, *_SAME_PLACE, _TRUNK):
        raise ConfigError(f"Site must be one of {', '.join((*SITES, _TRUNK))}, or left out; got '{said}'.")
    return _general(word)


def _general(name: str) -> str | None:
    return None if name in _SAID_NOTHING else _SAME_PLACE.get(name, name)
