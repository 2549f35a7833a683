"""Small raw frames with colours, edges and fine structure, for tests of fits."""

from __future__ import annotations

import numpy as np

from isp.values import NoiseModel, RawFrame


def colourful(seed: int = 0, shape: tuple[int, int] = (96, 128), cfa: str = "RGGB") -> RawFrame:
    """A raw of smooth colours, patches with edges, and texture; 10 bits, a little noise."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    light = 0.08 + 0.3 * (1 + np.sin(x / 31 + seed) * np.cos(y / 23 - seed))[..., None] * np.ones(3)
    tiles = rng.uniform(0.15, 1.0, (8, 8, 3))
    colour = tiles[(y // 19).astype(int) % 8, (x // 23).astype(int) % 8]
    fine = 1 + 0.25 * np.sin(x * 1.1) * np.sin(y * 0.9)
    # as camera RGB before white balance: green is brightest
    rgb = np.clip(light * colour * fine[..., None] * np.array([0.55, 1.0, 0.65]), 0, 0.95)
    frame = RawFrame.from_array(np.zeros(shape, np.uint16), cfa, 64, 1023, iso=100, neutral=(0.55, 1.0, 0.65),
                                noise=NoiseModel((2e-4,) * 4, (1e-6,) * 4))
    px, py = frame.cfa.phase
    site = ((y.astype(int) + py) % 2) + ((x.astype(int) + px) % 2)
    mosaic = np.take_along_axis(rgb, site[..., None], 2)[..., 0]
    noise = rng.standard_normal(shape) * np.sqrt(2e-4 * mosaic + 1e-6)
    data = np.clip(np.rint((mosaic + noise) * 959 + 64), 0, 1023).astype(np.uint16)
    return RawFrame(data, frame.cfa, frame.black, frame.white, frame.info)
