"""One colour a class, the same on every page: Okabe and Ito's palette, which every kind of colour vision tells apart."""

from __future__ import annotations

from collections.abc import Iterable

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#8A8A8A"
# The palette has eight colours and the ISIC sets have nine classes: olive is Paul Tol's, chosen to stand beside them.
OLIVE = "#999933"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, GREY, OLIVE)

RISK_COLORS = {"benign": BLUE, "premalignant": ORANGE, "malignant": VERMILLION}

# The same diagnosis under the names that the known data sets give it.
_DIAGNOSES = {
    VERMILLION: ("mel", "melanoma", "malignant", "1"),
    BLUE: ("nv", "nevus", "melanocytic nevus", "benign", "0"),
    PURPLE: ("bcc", "basal cell carcinoma"),
    ORANGE: ("akiec", "actinic keratosis", "actinic keratosis and intraepithelial carcinoma"),
    GREEN: ("bkl", "benign keratosis", "pigmented benign keratosis"),
    SKY: ("df", "dermatofibroma"),
    GREY: ("vasc", "vascular lesion"),
    OLIVE: ("seborrheic keratosis",),
    YELLOW: ("scc", "squamous cell carcinoma"),
}
_FIXED = {name: color for color, names in _DIAGNOSES.items() for name in names}


def class_colors(classes: Iterable[str]) -> dict[str, str]:
    """A hex colour for each class.

    A known diagnosis has its own colour in every data set; other classes take, in alphabetical order, those that are
    left, then all again. Two classes of a large set may share a colour: a word always stands beside it.
    """
    labels = sorted(set(classes))
    colors = {label: _FIXED[label.strip().casefold()] for label in labels if label.strip().casefold() in _FIXED}
    free = [color for color in PALETTE if color not in colors.values()] or list(PALETTE)
    others = [label for label in labels if label not in colors]
    for position, label in enumerate(others):
        colors[label] = free[position] if position < len(free) else PALETTE[(position - len(free)) % len(PALETTE)]
    return {label: colors[label] for label in labels}
