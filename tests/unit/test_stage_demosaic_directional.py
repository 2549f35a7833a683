"""The directional demosaic methods against slow float64 transcriptions that keep red, green and blue apart by masks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.stage_runner import PHASES, around, mosaic_of, run_stage, site_of

SHAPE = (72, 88)
EDGE = 24  # beyond every reach, so that no border rule matters


def shifted(plane, rows, columns):
    """The plane's value that many rows below and columns to the right."""
    return np.roll(plane, (-rows, -columns), (0, 1))


def window(plane, rows, columns):
    """Sum over offsets."""
    return sum(shifted(plane, i, j) for i in rows for j in columns)


def scene(seed=4):
    """A coloured scene with edges of every kind, a grating and noise."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    base = 0.4 + 0.2 * np.sin(0.9 * x + 0.2 * y) + 0.15 * (np.sin(0.11 * x * 1.3 - 0.17 * y) > 0)
    rgb = base[..., None] * np.array([0.9, 1.0, 0.6]) + 0.2 * (x > 44)[..., None] * np.array([1.0, -0.3, -0.8])
    return (rgb + 0.02 * rng.standard_normal(rgb.shape)).astype(np.float32)


class Rows:
    """Green and the other colour of each row at every site, each either measured or estimated along the row."""

    def __init__(self, mosaic, green, gain_of_detail):
        self.green_site = green
        near = (shifted(mosaic, 0, -1) + shifted(mosaic, 0, 1)) / 2
        curve = (2 * mosaic - shifted(mosaic, 0, -2) - shifted(mosaic, 0, 2)) / 4
        estimate = near + gain_of_detail(curve) * curve
        self.green = np.where(green, mosaic, estimate)
        self.color = np.where(green, estimate, mosaic)

    @property
    def difference(self):
        return self.green - self.color


def roughness(difference, radius):
    steps = np.abs(shifted(difference, 0, -1) - shifted(difference, 0, 1))
    return window(steps, range(-radius, radius + 1), range(-radius, radius + 1))


def both_ways(function, mosaic, green):
    """A row function's results along rows, and along columns (turned back)."""
    columns = function(np.ascontiguousarray(mosaic.T), green.T)
    return function(mosaic, green), tuple(part.T for part in columns)


def zhang(mosaic, green):
    """LMMSE estimate of green minus colour along rows, and its error variance."""
    difference = Rows(mosaic, green, lambda _: 1.0).difference
    taps = np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
    smooth = sum(t * shifted(difference, 0, i) for i, t in zip(range(-4, 5), taps / taps.sum(), strict=True))
    mean = window(smooth, [0], range(-4, 5)) / 9
    signal = window(smooth**2, [0], range(-4, 5)) / 9 - mean**2 + 1e-9
    noise = window((smooth - difference) ** 2, [0], range(-4, 5)) / 9 + 1e-9
    best = mean + signal / (signal + noise) * (difference - mean)
    return best, signal * noise / (signal + noise)


def averaged(values, sites):
    """Planes of red and of blue minus green from `values` (green minus colour) at their sites, by neighbours' means."""
    planes = []
    for own, opposite in ((0, 3), (3, 0)):
        at_own = np.where(sites == own, values, 0)
        diagonal = window(at_own, (-1, 1), (-1, 1)) / 4
        known = np.where(sites == opposite, diagonal, at_own)
        cross = (window(known, (-1, 1), (0,)) + window(known, (0,), (-1, 1))) / 4
        planes.append(np.where((sites == 0) | (sites == 3), known, cross))
    return planes


def test_zhang2005_is_its_transcription():
    mosaic = mosaic_of(scene()).astype(np.float64)
    sites = site_of(SHAPE)
    green = (sites == 1) | (sites == 2)
    (h, error_h), (v, error_v) = both_ways(zhang, mosaic, green)
    difference = (h * error_v + v * error_h) / (error_h + error_v)
    full_green = np.where(green, mosaic, mosaic + difference)
    red, blue = averaged(np.where(green, 0, difference), sites)
    expected = np.stack([full_green - red, full_green, full_green - blue], -1)
    compare("zhang2005", mosaic, expected)


def kiku(mosaic, green):
    """MLRI along rows: estimates on both sides and their weights."""

    def gain(curve):
        guide = (shifted(curve, 0, -1) + shifted(curve, 0, 1)) / 2
        near, columns = (-2, 0, 2), range(-4, 5, 2)
        fit = (window(curve * guide, near, columns) + 1e-6) / (window(guide**2, near, columns) + 1e-6)
        return window(fit, near, (-1, 1)) / 6

    rows = Rows(mosaic, green, gain)
    rough = roughness(rows.difference, 2)
    taps = np.exp(-0.5 * np.arange(4) ** 2)
    result = []
    for side in (-1, 1):
        result.append(sum(t * shifted(rows.difference, 0, side * i) for i, t in enumerate(taps / taps.sum())))
        result.append(1 / (shifted(rough, 0, 2 * side) ** 2 + 1e-8))
    return tuple(result)


def guided(mosaic, difference, sites, reach, prior):
    """Red and blue by residual interpolation guided by green, each on its own lattice.

    `prior` is a function of the local mean of green and the products of Laplacians.
    """
    green = np.where((sites == 1) | (sites == 2), mosaic, mosaic + difference)
    planes = [green]

    def curve(plane):
        return plane - (window(plane, (-2, 2), (0,)) + window(plane, (0,), (-2, 2))) / 4

    for own in (0, 3):
        there = sites == own
        one, two = np.where(there, curve(mosaic), 0), np.where(there, curve(green), 0)
        span = range(-reach, reach + 1)
        both = window(one * two, span, span)
        weight = prior(green - curve(green) / 2, both)
        gain = (both + weight) / (window(two * two, span, span) + weight)
        gain, rest = np.where(there, gain, 0), np.where(there, mosaic - gain * green, 0)

        def bilinear(plane):
            plane = shifted(plane, -1, 0) / 2 + plane + shifted(plane, 1, 0) / 2
            return shifted(plane, 0, -1) / 2 + plane + shifted(plane, 0, 1) / 2

        planes.append(np.where(there, mosaic, bilinear(gain) * green + bilinear(rest)))
    return np.stack([planes[1], planes[0], planes[2]], -1)


def test_kiku2014_is_its_transcription():
    mosaic = mosaic_of(scene()).astype(np.float64)
    sites = site_of(SHAPE)
    h, v = both_ways(kiku, mosaic, (sites == 1) | (sites == 2))
    weights = [h[1], h[3], v[1], v[3]]
    difference = sum(w * d for w, d in zip(weights, (h[0], h[2], v[0], v[2]), strict=True)) / sum(weights)
    compare("kiku2014", mosaic, guided(mosaic, difference, sites, 4, lambda *_: 1e-6))


def adaptive(mosaic, green):
    """The first pass along rows: estimates of green minus colour of both sides, weights, and the gain."""
    gains = []

    def gain(curve):
        guide = (shifted(curve, 0, -1) + shifted(curve, 0, 1)) / 2
        near, columns = range(-4, 5, 2), (-3, -1, 1, 3)
        both, own, fitted = (window(p, near, columns) for p in (curve * guide, curve**2, guide**2))
        measured = window((shifted(curve, 0, -1) ** 2 + shifted(curve, 0, 1) ** 2) / 2, near, columns)
        power = 0.9 * fitted + 0.1 * measured
        doubt = 0.3 * np.maximum(own * measured - both**2, 0) + 2 * np.maximum(-both, 0) * measured + 1e-14
        gains.append((both * power + doubt) / (power**2 + doubt))
        return gains[0]

    rows = Rows(mosaic, green, gain)
    rough = roughness(rows.difference, 1)
    result = []
    for side in (-1, 1):
        # mean of here and beside, the one beside taken to this site's level by the gain
        level = (rows.green + shifted(rows.green, 0, side)) / 2
        level += gains[0] * (rows.color - (rows.color + shifted(rows.color, 0, side)) / 2)
        result += [level - mosaic, 1 / (shifted(rough, 0, 2 * side) ** 2 + 1e-8)]
    return (*result, gains[0])


def adaptive_colors(mosaic):
    sites = site_of(SHAPE)
    h, v = both_ways(adaptive, mosaic, (sites == 1) | (sites == 2))
    weights = [h[1], h[3], v[1], v[3]]
    first = sum(w * d for w, d in zip(weights, (h[0], h[2], v[0], v[2]), strict=True)) / sum(weights)
    gain = ((weights[0] + weights[1]) * h[4] + (weights[2] + weights[3]) * v[4]) / sum(weights)
    total = change = rises = turns = 0.0
    for i, j in ((0, -1), (0, 1), (-1, 0), (1, 0)):
        # beside: measured green, and the colour of this site by the mean of the differences around
        green, color = mosaic + first, mosaic
        beside_green = shifted(mosaic, i, j)
        beside_color = beside_green - (first + shifted(first, 2 * i, 2 * j)) / 2
        step = (beside_green - gain * beside_color) - (green - gain * color)
        weight = 1 / ((np.abs(step) + 0.3 * np.abs(beside_green - green)) ** 2 + 2e-5)
        total, change = total + weight, change + weight * step
        rises = rises + (beside_green - green) ** 2
        turns = turns + ((shifted(first, 2 * i, 2 * j) - first) / 2) ** 2
    share = 0.8 * (rises + 1e-4) / (rises + 1e-4 + 2 * turns)

    def prior(green, both):
        return 0.01 * green**2 + 0.5 * np.maximum(-both, 0) + 1e-7

    return guided(mosaic, first + share * change / total, sites, 4, prior)


def test_adaptive_is_its_transcription():
    mosaic = mosaic_of(scene()).astype(np.float64)
    compare("adaptive", mosaic, adaptive_colors(mosaic))


def test_bending_is_before_and_behind():
    mosaic = np.abs(mosaic_of(scene())).astype(np.float64)
    bent = adaptive_colors(mosaic * np.sqrt(31 / (1 + 30 * mosaic)))
    # v sqrt(31 / (1 + 30 v)) = u solved for v: a quadratic equation
    expected = bent * (30 * np.abs(bent) + np.sqrt(900 * bent**2 + 124)) / 62
    compare("adaptive", mosaic, expected, np.abs(scene()), bend=30.0)


def compare(method, mosaic, expected, truth=None, **given):
    inner = slice(EDGE, -EDGE)
    result = run_stage("demosaic", mosaic.astype(np.float32), around(mosaic), method=method, **given)
    assert np.abs(result - expected)[inner, inner].max() < 3e-5
    assert np.abs(expected - (scene() if truth is None else truth))[inner, inner].mean() < 0.05


@pytest.mark.parametrize("method", ["zhang2005", "kiku2014", "adaptive"])
def test_all_phases_give_the_same_picture_from_the_same_sites(method):
    whole = mosaic_of(scene())
    reference = run_stage("demosaic", whole, around(whole), method=method)
    for cfa in PHASES:
        x, y = {"RGGB": (0, 0), "GRBG": (1, 0), "GBRG": (0, 1), "BGGR": (1, 1)}[cfa]
        part = np.ascontiguousarray(whole[y:, x:])
        result = run_stage("demosaic", part, around(part, cfa), method=method)
        inner = slice(EDGE, -EDGE)
        assert np.array_equal(result[inner, inner], reference[y:, x:][inner, inner])


def test_a_negative_correlation_between_colours_is_followed():
    """Red rises where green falls: adding red's detail to green in full doubles the error, fitting it does not."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    wave = 0.2 * np.sin(0.55 * x + 0.21 * y)[..., None]
    rgb = (0.5 + wave * np.array([1.0, -0.7, 1.0])).astype(np.float32)
    data = mosaic_of(rgb)
    inner = slice(EDGE, -EDGE)
    error = {
        method: np.abs(run_stage("demosaic", data, around(data), method=method) - rgb)[inner, inner].mean()
        for method in ("menon2007", "zhang2005", "kiku2014", "adaptive")
    }
    assert max(error["kiku2014"], error["adaptive"]) < 0.5 * min(error["menon2007"], error["zhang2005"])


def test_a_fine_grey_grating_stays_nearly_grey():
    """Beyond half the sampling limit a fit of interpolated detail is perfect and wrong; it must not be trusted."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    grey = np.repeat((0.5 + 0.3 * np.sin(1.9 * x + 0.9 * y))[..., None], 3, 2).astype(np.float32)
    data = mosaic_of(grey)
    inner = slice(EDGE, -EDGE)
    chroma = {}
    for method in ("kiku2014", "adaptive"):
        result = run_stage("demosaic", data, around(data), method=method)[inner, inner]
        chroma[method] = np.abs(result - result.mean(-1, keepdims=True)).mean()
    assert chroma["adaptive"] < 0.5 * chroma["kiku2014"]
