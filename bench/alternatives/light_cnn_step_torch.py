"""``light_cnn``'s training step in PyTorch, as its documentation advises for a processor: channels_last, no gradient copies.

``python light_cnn_step_torch.py SIDE BATCH STEPS`` answers each line on standard input with the seconds of STEPS steps.
Needs nothing but PyTorch and NumPy.
"""

import sys
import time

import numpy as np
import torch
from torch import nn

_CLASSES = 7


def main() -> None:
    """Answers until standard input ends."""
    side, batch, steps = (int(argument) for argument in sys.argv[1:4])
    torch.manual_seed(0)
    network = _network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    pixels = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3)).astype(np.float32)
    # A channels-last tensor without a copy: the array is (N, H, W, C) already.
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    targets = torch.from_numpy(np.arange(batch) % _CLASSES)
    for _ in sys.stdin:
        begun = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(network(images / 255), targets).backward()
            optimizer.step()
        print(time.perf_counter() - begun, flush=True)


def _network() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    width = 32
    for filters, dropout in ((64, 0.25), (128, 0.35), (256, 0.45)):
        layers += [nn.Conv2d(width, width, 3, padding=1, groups=width), nn.ReLU()]
        layers += [nn.Conv2d(width, filters, 1), nn.ReLU(), nn.BatchNorm2d(filters)]
        layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        width = filters
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 256), nn.ReLU(), nn.BatchNorm1d(256)]
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(256, _CLASSES))


if __name__ == "__main__":
    main()
