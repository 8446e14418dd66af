"""A drawn lesion, to try the Screen page without a photo."""

from __future__ import annotations

# A spread of looks, so that the first presses of the button differ at a glance.
_KINDS = ("melanoma", "nevus", "basal cell carcinoma", "pigmented benign keratosis")
_WIDTH, _HEIGHT = 600, 450


def example_picture(seed: int = 0) -> bytes:
    """Draws one synthetic lesion.

    Args:
        seed: another number draws another lesion; the same number always the same.

    Returns:
        The bytes of a JPEG file of 600 by 450 pixels.
    """
    from skin_core.data.synthesis.picture import Shot, as_jpeg, photograph

    shot = Shot(
        kind=_KINDS[seed % len(_KINDS)],
        tone=1 + (2 * seed + 1) % 6,
        lesion_seed=10_000 + seed,
        view_seed=20_000 + seed,
        width=_WIDTH,
        height=_HEIGHT,
    )
    return as_jpeg(photograph(shot).pixels)
