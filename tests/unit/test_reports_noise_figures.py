"""Figures of noise, tone and shading: well-formed, labelled, and there even where nothing could be measured."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from reports.figures.noise import noise_spectra, photon_transfer_curve, snr_curve
from reports.figures.tone import tone_curve
from reports.figures.uniformity import shading_maps, shading_profile
from reports.metrics import dynamic_range, noise_spectrum, photon_transfer, shading, tone_response

LIGHT = 10.0 ** -(0.05 + 0.15 * np.arange(20))


def pair(level, seed):
    random = np.random.Generator(np.random.Philox(seed))
    return tuple(np.rint(64 + 0.2 * random.poisson(level, (32, 32)) + random.normal(size=(32, 32))) for _ in range(2))


def results():
    noise = np.random.Generator(np.random.Philox(1)).normal(size=(99, 132, 3))
    pairs = [pair(level, i) for i, level in enumerate(range(100, 3000, 300))]
    return {
        snr_curve: dynamic_range(np.stack([LIGHT, np.sqrt(LIGHT / 2000 + 1e-5)], axis=1)),
        noise_spectra: noise_spectrum(0.4 + 0.01 * noise),
        photon_transfer_curve: photon_transfer(pairs, pair(0, 99)),
        tone_curve: tone_response(LIGHT, LIGHT**0.45),
        shading_maps: shading(0.5 + 0.01 * noise, cells=15),
        shading_profile: shading(0.5 + 0.01 * noise, cells=15),
    }


def nothing():
    flat = np.full((40, 40, 3), 0.5)
    return {
        snr_curve: dynamic_range([(0.5, 0.1)]),
        noise_spectra: noise_spectrum(flat),
        photon_transfer_curve: photon_transfer([], pair(0, 99)),
        tone_curve: tone_response([0.5], [0.5]),
        shading_maps: shading(np.zeros((99, 132, 3)), cells=15),
        shading_profile: shading(np.zeros((99, 132, 3)), cells=15),
    }


RESULTS, NOTHING = results(), nothing()


@pytest.mark.parametrize("draw", RESULTS, ids=lambda f: f.__name__)
def test_figures_name_inputs_axes_and_units(draw):
    figure = draw({"first": RESULTS[draw], "second": RESULTS[draw]})
    texts = [e.text or "" for e in ElementTree.fromstring(figure.image.data).iter("{http://www.w3.org/2000/svg}text")]
    assert any("first" in t for t in texts)
    assert any("second" in t for t in texts)
    axes = [t for t in texts if t.endswith("]") or "code" in t or "ΔC*ab" in t]
    assert len(axes) >= 2
    assert "first" in figure.alt
    assert figure.image.data == draw({"first": RESULTS[draw], "second": RESULTS[draw]}).image.data
    assert not re.search(rb"#010203", figure.image.data)


@pytest.mark.parametrize("draw", NOTHING, ids=lambda f: f.__name__)
def test_what_could_not_be_measured_is_said(draw):
    figure = draw({"first": NOTHING[draw]})
    assert "n.a." in figure.caption
    assert ElementTree.fromstring(figure.image.data) is not None


def test_measured_beside_what_could_not_be():
    figure = shading_maps({"first": RESULTS[shading_maps], "second": NOTHING[shading_maps]})
    assert b"n.a." in figure.image.data
