"""Sharpness of edges that were found in a picture, one by one and summed up by zone and direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reports.charts.edges import Edge
from reports.estimate import Estimate, bootstrap
from reports.light import Encoding, linear
from reports.metrics.sfr import SlantedEdge, slanted_edge
from reports.source import Source


@dataclass(frozen=True)
class MeasuredEdge:
    """Sharpness of one edge: of luminance, and of red, green and blue (empty if they are the same or not asked for)."""

    edge: Edge
    luminance: SlantedEdge
    channels: tuple[SlantedEdge, ...] = ()


def measure_edge(
    source: Source, edge: Edge, *, channels: bool = True, encoding: Encoding | None = None
) -> MeasuredEdge:
    """Sharpness of one edge, in the light that the picture's transfer stands for.

    Parameters
    ----------
    source : Source
    edge : of `find_edges`, of this picture or of another of the same size, or made by hand
    channels : also red, green and blue, where they are not the same
    encoding : what to decode with instead of the picture's transfer
        A function for a picture whose tone curve is known: tone mapping that is not undone distorts the edge.
    """
    codes = source.codes(*edge.box)
    decode = source.transfer if encoding is None else encoding
    # of codes, as light no longer shows what was clipped
    whole = slanted_edge(codes, decode, space=source.space)
    light = linear(codes, decode, source.space)
    if not channels or not whole.mtf50.known or bool((light == light[..., :1]).all()):
        return MeasuredEdge(edge, whole)
    return MeasuredEdge(edge, whole, tuple(slanted_edge(light[..., c]) for c in range(3)))


def summarize(
    measured: Sequence[MeasuredEdge],
    pick: Callable[[MeasuredEdge], Estimate] = lambda e: e.luminance.mtf50,
    *,
    zone: str = "",
    direction: str = "",
) -> Estimate:
    """Median of one number over the edges, of a zone and direction (`vertical`, `horizontal`) or all.

    Returns
    -------
    Estimate
        With the bootstrap interval over edges, and the edges as items where none is n.a.: pictures with the same
        edges are compared edge by edge. Of one or two edges, which a bootstrap says nothing about, the widest of their
        own intervals. n.a. without edges.
    """
    group = [pick(e) for e in measured if zone in ("", e.edge.zone) and direction in ("", e.edge.direction)]
    known = [e for e in group if e.known]
    if not known:
        return group[0] if group else Estimate.missing("no edge there")
    values, unit = np.array([float(e) for e in known]), known[0].unit
    if len(known) < 3:
        own = np.array([e.interval for e in known])
        return Estimate(float(np.median(values)), (float(own[:, 0].min()), float(own[:, 1].max())), unit)
    found = bootstrap(values, np.median, unit)
    return Estimate(found, found.interval, unit, found.reason, values if len(known) == len(group) else None)
