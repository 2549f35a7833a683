"""What a colour matrix multiplies: camera RGB, or camera RGB and the roots of its products.

G. D. Finlayson, M. Mackiewicz, A. Hurlbert, "Color Correction Using Root-Polynomial Regression", IEEE Trans. Image
Process. 24 (2015) 1460: of degree 2 the terms are R, G, B, sqrt(RG), sqrt(GB), sqrt(RB). All of them grow as the
exposure does, so the colour a matrix over them gives does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from isp.errors import UsageError
from isp.values import Float64

TERMS: Mapping[str, int] = MappingProxyType({"linear": 3, "root_polynomial": 6})
"""Methods and how many terms each has."""
_PAIRS = ((0, 1), (1, 2), (0, 2))


def check_method(method: str) -> None:
    """`UsageError` unless `method` is one of `TERMS`."""
    if method not in TERMS:
        raise UsageError(f"method={method!r} must be one of {', '.join(TERMS)}")


def terms(rgb: Float64, method: str) -> Float64:
    """(..., K) terms of camera RGB (..., 3); of a negative value the root is 0."""
    if method == "linear":
        return rgb
    held = np.maximum(rgb, 0.0)
    roots = [np.sqrt(held[..., i] * held[..., j]) for i, j in _PAIRS]
    return np.concatenate([rgb, np.stack(roots, axis=-1)], axis=-1)


def slope_at_white(method: str) -> Float64:
    """(K, 3) derivative of the terms of balanced RGB by it, at white, (1, 1, 1), and so at any grey."""
    if method == "linear":
        return np.eye(3)
    roots = np.zeros((3, 3))
    for row, pair in zip(roots, _PAIRS, strict=True):
        row[list(pair)] = 0.5
    return np.concatenate([np.eye(3), roots])
