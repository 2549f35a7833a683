"""Tone curves with their targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.figures.style import INK, line, plot
from reports.metrics.tone import CODES, ToneResponse
from reports.model import Figure


def tone_curve(results: Mapping[str, ToneResponse]) -> Figure:
    """Codes over the light of the patches [stops below white], with the target."""

    def draw(axes: Any) -> None:
        for i, (label, result) in enumerate(results.items()):
            lit = result.light > 0
            stops = np.log2(result.light[lit])
            axes.plot(stops, CODES * result.code[lit], marker=".", label=label, **line(i))
        for i, (light, code) in enumerate(_targets(results)):
            name = "target" if i == 0 else None
            axes.plot(np.log2(light), CODES * code, color=INK, linewidth=0.9, linestyle=":", label=name)
        axes.set_xlabel("light of the patch [stops of white]")
        axes.set_ylabel("8-bit code")
        axes.legend(fontsize=8)

    told = "; ".join(f"{label}: {result.exposure_error}" for label, result in results.items())
    return plot(
        "Tone curve", draw,
        caption=f"Solid or dashed: measured on grey patches. Dotted: target. Exposure error: {told}.",
        alt=f"8-bit codes over the light of grey patches, and the target curve. Exposure error: {told}.",
    )  # fmt: skip


def _targets(results: Mapping[str, ToneResponse]) -> list[tuple[Any, Any]]:
    """Light and code of every target, once."""
    found: list[tuple[Any, Any]] = []
    for result in results.values():
        lit = result.light > 0
        pair = (result.light[lit], result.target[lit])
        if not any(p[0].shape == pair[0].shape and np.allclose(p, pair) for p in found):
            found.append(pair)
    return found
