"""Calibrations of simulated sensors against what the simulator knows."""

from dataclasses import replace

import numpy as np
import pytest

from isp.rectilinear import polynomial, relative_radial
from isp.stages.mesh import sampled
from isp.values import GainMesh
from reports.metrics.emva import cfa_planes
from sensors import Lens, capture, load_sensor
from tuning.calibrate import black_level, defects, distortion, green_imbalance, lateral_color, lens_shading, noise

SIZE = (2048, 1536)
LENS = Lens(f_number=1.8, focal_mm=1.4, falloff="cos4", shading={"R": 0.08, "B": 0.04})
"""Corners lose 60 % of the light: more than a phone's."""
LEVELS = (0.01, 0.02, 0.06, 0.2, 0.45)
LIGHTS = {2856.0: "A", 3500.0: "3500K", 4500.0: "daylight:4500", 5500.0: "daylight:5500", 6504.0: "D65"}


def _sweep(sensor, isos, size, levels=LEVELS):
    scenes = []
    for n, iso in enumerate(isos):
        for k, level in enumerate(levels):
            scene = "grey-steps" if level == 0.2 else "uniform?reflectance=0.5"
            scenes.append(
                [capture(scene, sensor, mode="bin2", size=size, iso=iso, target=level, seed=100 * n + 10 * k + i)
                 for i in (0, 1)]
            )  # fmt: skip
    return noise(scenes)


def _check_noise(found, sensor, most_shot, most_read):
    part = load_sensor(sensor)
    for level in found.levels:
        shot, read = part.noise_model(level.iso, "bin2")
        assert np.mean([float(e) for e in level.shot.values()]) == pytest.approx(shot, rel=most_shot)
        assert np.mean([float(e) for e in level.read.values()]) == pytest.approx(read, rel=most_read)
        for estimate in level.shot.values():
            assert estimate == pytest.approx(shot, rel=2 * most_shot)


@pytest.mark.parametrize(("sensor", "iso"), [("imx586", 1600.0), ("quad_200mp", 3200.0)])
def test_noise_model_of_a_simulated_sensor(sensor, iso):
    _check_noise(_sweep(sensor, [iso], (1024, 768)), sensor, 0.01, 0.03)


@pytest.mark.full
@pytest.mark.parametrize("sensor", ["imx586", "quad_200mp"])
def test_noise_model_over_iso(sensor):
    found = _sweep(sensor, [200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0], SIZE)
    _check_noise(found, sensor, 0.005, 0.03)
    part = load_sensor(sensor)
    for iso in (566.0, 2263.0):
        shot, _ = part.noise_model(iso, "bin2")
        assert found.at(iso).shot[1] == pytest.approx(shot, rel=0.03)


@pytest.mark.parametrize("mode", ["bin2", "full"])
def test_defects_of_a_simulated_sensor(mode):
    part = replace(load_sensor("imx586"), hot_fraction=5e-4, dead_fraction=1e-4)
    size = (1024, 768)
    darks = [capture("dark", part, mode=mode, size=size, seed=i, exposure=2.0, iso=200, truth=True) for i in range(4)]
    flats = [capture("uniform?reflectance=0.5", part, mode=mode, size=size, seed=i, target=0.4) for i in range(4)]
    truth = darks[0][1].defects
    found = defects([frame for frame, _ in darks], flats).mask
    assert (truth[found > 0] > 0).mean() >= 0.99
    # some hot photosites are hardly warmer than the others
    assert (found[truth == 1] > 0).mean() >= 0.95
    assert (found[truth == 2] > 0).mean() >= 0.99


def test_black_level_and_dark_current_of_a_simulated_sensor():
    part = load_sensor("imx586")
    frames = [
        capture("dark", part, mode="bin2", size=(1024, 768), seed=i, exposure=t, iso=400)
        for i, t in enumerate((0.01, 0.5, 1.0, 2.0))
    ]
    found = black_level(frames)
    assert found.values == pytest.approx((64,) * 4, abs=0.05)
    # hot photosites are not part of it
    assert found.per_second == pytest.approx(part.dark_e_s(25) * part.dn_per_e(400), rel=0.03)


def _shading_left(mesh, frame, electrons):
    """Worst corner of what a mesh leaves of the light on the sensor [%]."""
    gains = GainMesh(mesh.astype(np.float32), (0.0, 0.0), tuple(1 / (n - 1) for n in mesh.shape[:2]))
    places = [(np.arange(n) + 0.5) / n for n in frame.shape]
    gain = sampled(gains, *places)
    worst = 0.0
    for c, (name, plane) in enumerate(cfa_planes(electrons, frame.cfa).items()):
        flat = plane * cfa_planes(gain[..., c], frame.cfa)[name]
        height, width = flat.shape
        middle = flat[height // 2 - 16 : height // 2 + 16, width // 2 - 16 : width // 2 + 16].mean()
        ends = (slice(0, 16), slice(-16, None))
        worst = max(worst, *(abs(flat[a, b].mean() / middle - 1) for a in ends for b in ends))
    return 100 * worst


@pytest.mark.parametrize("sensor", ["imx586", "quad_200mp"])
def test_shading_of_five_lights_is_taken_out_of_the_corners(sensor):
    flats = {
        cct: [capture("uniform?reflectance=0.5", sensor, mode="bin2", size=SIZE, illuminant=light, lens=LENS, seed=n,
                      target=0.4)]
        for n, (cct, light) in enumerate(LIGHTS.items())
    }  # fmt: skip
    found = lens_shading(flats)
    frame, truth = capture(
        "uniform?reflectance=0.5", sensor, mode="bin2", size=SIZE, illuminant="FL11", lens=LENS, seed=99, truth=True
    )
    for cct in LIGHTS:
        assert _shading_left(found.meshes[cct], frame, truth.electrons) < 1.0
        assert found.corner[cct] < 1.0
    # between lights too
    assert _shading_left(found.at(4000.0), frame, truth.electrons) < 1.0
    assert found.between < 1.0


def test_distortion_and_lateral_colour_of_a_simulated_lens():
    lens = Lens(distortion=(0.04, -0.005), lateral={"R": 1.0012, "B": 0.999})
    frames = [
        capture("dots?pitch=0.07", "imx586", mode="bin2", size=SIZE, seed=i, lens=lens, target=0.35) for i in (0, 1)
    ]
    warp = frames[0].info.warp
    radius = np.linspace(0, 1, 21)
    found = distortion(frames)
    truth = radius * polynomial(warp.planes[1][:4], radius**2) / warp.planes[1][0]
    ours = radius * polynomial(found.radial, radius**2) / found.radial[0]
    assert np.abs(ours - truth).max() * np.hypot(*frames[0].shape) / 2 < 0.05
    colors = lateral_color(frames)
    for plane, ours in ((0, colors.red), (2, colors.blue)):
        shift = radius * polynomial(relative_radial(warp, plane), radius**2)
        gap = np.abs(radius * polynomial(ours, radius**2) - shift).max()
        assert gap * np.hypot(*frames[0].shape) / 2 < 0.05


def test_green_imbalance_of_a_simulated_sensor():
    frames = [capture("uniform?reflectance=0.5", "imx586", mode="bin2", size=(1024, 768), seed=i, target=0.4)
              for i in (0, 1)]  # fmt: skip
    found = green_imbalance(frames)
    assert found.imbalance == pytest.approx(load_sensor("imx586").green_imbalance, abs=5e-4)
