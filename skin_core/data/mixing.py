"""MixUp and CutMix: two images of a batch blended, with their targets in the same proportion.

Zhang et al. 2018 ("mixup: Beyond Empirical Risk Minimization", arXiv:1710.09412) and Yun et al. 2019 ("CutMix",
arXiv:1905.04899).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.augmentation import Augmentation

# Keeps this draw apart from those of the changes, which share seed and epoch.
_MIX_STREAM = 23


@dataclass(frozen=True)
class Mixing:
    """With whom each image of an epoch is mixed, and how much.

    Attributes:
        partner: int32 (N,), position of the other image within the batch.
        share: float32 (N,), share of the image itself in the target, 0 to 1.
        box: int32 (N, 4), x0, x1, y0, y1 of what CutMix takes from the other image; all 0 in batches of MixUp.
    """

    partner: np.ndarray
    share: np.ndarray
    box: np.ndarray

    def part(self, chosen: slice) -> Mixing:
        """Of some of the images."""
        return Mixing(self.partner[chosen], self.share[chosen], self.box[chosen])


def mixing(augmentation: Augmentation, n: int, *, batch_size: int, size: int, seed: int, epoch: int) -> Mixing | None:
    """MixUp and CutMix for an epoch of n images; with both on, each batch gets one of them. None with both off."""
    if not (augmentation.mixup or augmentation.cutmix):
        return None
    rng = np.random.default_rng((seed, epoch, _MIX_STREAM))
    starts = np.arange(0, n, batch_size)
    cut = rng.random(len(starts)) < (0.5 if augmentation.mixup else 1.0) if augmentation.cutmix else starts < 0
    partner = np.concatenate([rng.permutation(min(batch_size, n - start)) for start in starts])
    cut = np.repeat(cut, batch_size)[:n]
    share = np.ones(n)
    for alpha, chosen in ((augmentation.mixup, ~cut), (augmentation.cutmix, cut)):
        if alpha:
            share = np.where(chosen, rng.beta(alpha, alpha, n), share)
    # Whole pixels, so that the target says exactly what share of the area each image has.
    side = np.round(np.sqrt(1 - share) * size)
    x, y = (np.floor(rng.random(n) * (size - side + 1)) for _ in range(2))
    box = np.where(cut[:, None], np.stack([x, x + side, y, y + side], axis=1), 0.0)
    share = np.where(cut, 1 - (side / size) ** 2, share)
    return Mixing(partner.astype(np.int32), share.astype(np.float32), box.astype(np.int32))


def mixed(
    inputs: dict[str, np.ndarray], targets: np.ndarray, weights: np.ndarray, given: Mixing
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Mixes a batch with itself.

    The loss of a mixed image is share · w · loss(y) + (1 - share) · w' · loss(y'), with the weights and targets of both.
    Cross-entropy is linear in the target, so one target and one weight say the same.

    Args:
        inputs: ``image`` (B, S, S, 3), and ``tabular`` float32 (B, F) where there is one.
        targets: float32 (B, C) or (B, 1).
        weights: float32 (B,).
        given: of these images.

    Returns:
        As given; the image float32.
    """
    partner, share = given.partner, given.share
    rest = 1 - share
    image = inputs["image"].astype(np.float32)
    other = image[partner]
    if given.box.any():
        found = image.copy()
        for place, (x0, x1, y0, y1) in enumerate(given.box):
            found[place, y0:y1, x0:x1] = other[place, y0:y1, x0:x1]
    else:
        found = share[:, None, None, None] * image + rest[:, None, None, None] * other
    blended = {**inputs, "image": found}
    if "tabular" in inputs:
        table = inputs["tabular"]
        blended["tabular"] = share[:, None] * table + rest[:, None] * table[partner]
    mine, theirs = share * weights, rest * weights[partner]
    weight = mine + theirs
    target = mine[:, None] * targets + theirs[:, None] * targets[partner]
    target = np.divide(target, weight[:, None], out=np.zeros_like(target), where=weight[:, None] > 0)
    return blended, target, weight
