"""Pretrained backbone weights: where they come from, and one clear sentence when they cannot be had.

"imagenet" is looked up in this order: the folder ``LESIONLAB_WEIGHTS``, Keras' own cache (``~/.keras/models``), Keras'
download server. There is no silent fall-back: an untrained backbone is asked for with ``weights=random``.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skin_core.errors import WeightsError
from skin_core.paths import atomic_path, weights_dir

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

# A machine without a network must hear so within seconds; a slow one may still take minutes for the whole file.
CONNECT_SECONDS = 10.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Pretrained:
    """A published weights file.

    Attributes:
        file: the name Keras gives it, in its cache and on its server.
        url: where Keras downloads it from.
        md5: checksum of the file, or None where Keras publishes none.
        aliases: other files of the same layers that are accepted in ``LESIONLAB_WEIGHTS``, in order of preference.
    """

    file: str
    url: str
    md5: str | None = None
    aliases: tuple[str, ...] = ()


def load_backbone(backbone: keras.Model, weights: str, pretrained: Pretrained) -> bool:
    """Loads pretrained weights into a backbone in place.

    Args:
        backbone: the layers of the backbone alone, built with ``weights=None``.
        weights: "imagenet", "random" (nothing is loaded) or the path of a weights file.
        pretrained: the file that "imagenet" means for this backbone.

    Returns:
        Whether weights were loaded.

    Raises:
        WeightsError: if they cannot be had, or do not fit the backbone.
    """
    if weights == "random":
        return False
    path = find(weights, pretrained)
    before = _kernel_sums(backbone)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            # Legacy ``.h5`` files are read in the order of the layers, ``.weights.h5`` files by the layers' kind and
            # place.
            backbone.load_weights(path)
    except (ValueError, KeyError, OSError, EOFError) as error:
        log.exception("%s could not be loaded", path)
        raise _unfit(path, backbone, pretrained) from error
    # Keras only warns about layers that it does not find in a file, and leaves them as they were: untrained.
    if any(old == new for old, new in zip(before, _kernel_sums(backbone), strict=True)):
        log.error("%s left layers untouched: %s", path, [str(item.message) for item in told])
        raise _unfit(path, backbone, pretrained)
    return True


def _kernel_sums(backbone: keras.Model) -> list[float]:
    import numpy as np

    return [float(np.sum(weight)) for weight in backbone.get_weights() if weight.ndim > 1]


def _unfit(path: Path, backbone: keras.Model, pretrained: Pretrained) -> WeightsError:
    return WeightsError(
        f"{path} does not hold weights for {backbone.name}: it is damaged or of another network; put a fresh copy of "
        f"{pretrained.file} there, or train with weights=random."
    )


def find(weights: str, pretrained: Pretrained) -> Path:
    """The weights file on this machine, downloaded to Keras' cache where it is nowhere yet.

    Raises:
        WeightsError: naming the file and where to put it.
    """
    if weights != "imagenet":
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"There is no weights file {path}; expected imagenet, random or the path of a .weights.h5 file."
            )
        if path.suffix != ".h5":
            raise WeightsError(f"{path} is no weights file; expected a name that ends in .weights.h5 or .h5.")
        return path
    folder = weights_dir()
    if folder is not None:
        for name in (pretrained.file, *pretrained.aliases):
            if (folder / name).is_file():
                return folder / name
    cached = _keras_cache() / pretrained.file
    if not cached.is_file():
        _download(pretrained, cached)
    return cached


def _keras_cache() -> Path:
    # As Keras finds it; asked of the environment, because Keras takes seconds to import.
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def _download(pretrained: Pretrained, target: Path) -> None:
    log.info("Downloading %s", pretrained.url)
    digest = hashlib.md5(usedforsecurity=False)
    try:
        response = urllib.request.urlopen(pretrained.url, timeout=CONNECT_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        raise _not_to_be_had(pretrained, error) from error
    with response, atomic_path(target) as temporary, temporary.open("wb") as file:
        for chunk in _chunks(response, pretrained):
            digest.update(chunk)
            file.write(chunk)
        if pretrained.md5 is not None and digest.hexdigest() != pretrained.md5:
            raise _not_to_be_had(pretrained, "the checksum differs from the published one")


def _chunks(response: http.client.HTTPResponse, pretrained: Pretrained) -> Iterator[bytes]:
    # Told apart here: to `atomic_path` any OSError is one of the disk.
    try:
        while chunk := response.read(_CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _not_to_be_had(pretrained, error) from error
    if response.length:
        raise _not_to_be_had(pretrained, f"the connection ended {response.length} bytes too early")


def _not_to_be_had(pretrained: Pretrained, cause: Exception | str) -> WeightsError:
    reason = getattr(cause, "reason", cause)
    log.warning("%s could not be downloaded: %s", pretrained.url, reason)
    return WeightsError(
        f"The pretrained weights {pretrained.file} are not on this machine and could not be downloaded ({reason}); put "
        "the file into the folder that LESIONLAB_WEIGHTS names, or train with weights=random."
    )
