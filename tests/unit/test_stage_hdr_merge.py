"""hdr_merge against a plain transcription, and what sets are refused."""

from __future__ import annotations

import numpy as np
import pytest

from isp import Pipeline, RawFrame, apply, read_profile
from isp.engine import runtime
from isp.errors import InputError, ProfileError, UsageError
from isp.profile import Profile
from isp.values import NoiseModel, RawSet

SHOT, READ = 4e-4, 4e-6
BLACK, WHITE = 512, 16383


def light(shape=(75, 101)):
    """A ramp over 9 stops with texture and an edge, in units of the long frame."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return 2.0 ** (-6 + 9 * x / shape[1]) * (1 + 0.2 * np.sin(y / 3) * np.cos(x / 5)) * np.where(y > 40, 1, 0.3)


def exposed(scene, ratio, cfa="RGGB", seed=1, **info):
    """What a frame of 1/ratio of the longest one's exposure says."""
    rng = np.random.Generator(np.random.Philox(seed))
    values = rng.poisson(np.maximum(scene, 0) / ratio / SHOT) * SHOT + rng.normal(0, np.sqrt(READ), scene.shape)
    codes = np.clip(np.rint(values * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
    facts = {"exposure": 0.02 / ratio, "iso": 100.0, "noise": NoiseModel((SHOT,) * 4, (READ,) * 4)}
    return RawFrame.from_array(codes, cfa, BLACK, WHITE, **(facts | info))


def staggered(ratios=(1, 4, 16), cfa="RGGB", shape=(75, 101), moving=False):
    scenes = [light(shape).copy() for _ in ratios]
    if moving:
        for number, scene in enumerate(scenes):
            scene[20:34, 25 + 10 * number : 45 + 10 * number] = 0.7
    return RawSet(tuple(exposed(s, r, cfa, i) for i, (s, r) in enumerate(zip(scenes, ratios, strict=True))))


def mirrored(array, pad):
    return np.pad(array, pad, mode="reflect")


def transcribed(frames, ratios, threshold=4.0, tolerance=0.02, knee=0.95):
    """The text at the head of the stage, in float64, on frames from the shortest to the longest; away from the edge."""
    values = [(f.data.astype(np.float64) - BLACK) / (WHITE - BLACK) * r for f, r in zip(frames, ratios, strict=True)]

    def around(a, side, places):
        padded = mirrored(a, side)
        h, w = a.shape
        return sum(padded[side + j : side + j + h, side + i : side + i + w] for i, j in places)

    def variance(k, at):
        return ratios[k] * SHOT * np.maximum(at, 0) + ratios[k] ** 2 * READ

    eight = [(i, j) for i in (-2, 0, 2) for j in (-2, 0, 2) if i or j]
    window = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]
    merged, shares = values[0], [np.ones_like(values[0])]
    for k in range(1, len(values)):
        r = ratios[k]
        top = knee - 3 * np.sqrt(SHOT * knee + READ)
        share = np.clip((top - around(values[k], 2, eight) / 8 / r) / 0.1, 0, 1)
        share = share * np.clip((1 - values[k] / r) / (1 - knee), 0, 1)
        v = 1 / sum(s / variance(j, merged) for j, s in enumerate(shares)) + variance(k, merged)
        slack = tolerance * np.maximum(np.maximum(values[k], merged), 0)
        d = values[k] - merged
        d = np.sign(d) * np.maximum(np.abs(d) - slack, 0)
        n, total, squares, expected = (around(a, 2, window) for a in (share, share * d, share * d * d, share * v))
        expected = np.maximum(expected, 1e-20)
        chi = np.maximum(np.sqrt(2 * n * squares / expected) - np.sqrt(np.maximum(2 * n - 1, 0)), 0) ** 2
        worst = np.maximum(np.maximum(total**2 / expected, chi), d**2 / v)
        share = share * np.clip(2 - worst / threshold**2, 0, 1)
        shares.append(share)
        at = merged + share * (values[k] - merged)
        weights = [s / variance(j, at) for j, s in enumerate(shares)]
        merged = sum(w * a for w, a in zip(weights, values[: k + 1], strict=True)) / sum(weights)
    return merged


@pytest.mark.parametrize("ratios", [(1, 8), (1, 4, 16)])
@pytest.mark.parametrize("moving", [False, True])
def test_it_is_what_its_text_says(ratios, moving):
    frames = staggered(ratios, moving=moving)
    result = apply("hdr_merge", frames).data
    expected = transcribed(frames.frames[::-1], ratios[::-1])
    inside = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(result[inside], expected[inside], rtol=2e-3, atol=1e-5)
    assert np.isfinite(result).all()
    assert result.max() > 4


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR", "RRGG/RRGG/GGBB/GGBB"])
def test_crop_threads_and_the_order_of_the_frames_change_nothing(cfa):
    frames = staggered(cfa=cfa, shape=(150, 160), moving=True)
    runtime.set_threads(1)
    whole = apply("hdr_merge", frames).data
    runtime.set_threads(3)
    turned = RawSet(frames.frames[::-1])
    np.testing.assert_array_equal(apply("hdr_merge", turned).data, whole)
    x, y, reach = 5, 3, 12
    part = RawSet(tuple(
        RawFrame(np.ascontiguousarray(f.data[y:, x:]), f.cfa.shifted(x, y), f.black, f.white, f.info) for f in frames
    ))
    cropped = apply("hdr_merge", part).data
    np.testing.assert_array_equal(cropped[reach:-reach, reach:-reach], whole[y + reach : -reach, x + reach : -reach])


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (4, 131), (67, 6)])
def test_small_and_odd_sizes(shape):
    frames = staggered(shape=shape)
    result = apply("hdr_merge", frames).data
    assert result.shape == shape
    assert np.isfinite(result).all()


def test_frames_may_be_binned_first():
    """The stages before it run on each frame, whatever they do to size and pattern."""
    frames = staggered(cfa="RRGG/RRGG/GGBB/GGBB", shape=(128, 160))
    stages = ["black_level", "binning", "hdr_merge"]
    merged = Pipeline(Profile.from_stages(stages)).run(frames, tap="hdr_merge").value
    assert merged.shape == (64, 80)
    assert merged.cfa.family == "bayer"
    binned = [Pipeline(Profile.from_stages(stages[:2])).run(f, tap="binning").value.data for f in frames]
    assert np.abs(merged.data - 16 * binned[2])[binned[2] > 0.3].max() < 1e-5
    dark = binned[0] < 0.1
    assert np.abs(merged.data - binned[0])[dark].mean() < 0.2 * np.abs(binned[0][dark]).mean()


def test_a_single_frame_stays_as_it_is():
    frame = exposed(light(), 1)
    plain = apply("black_level", frame)
    for value in (frame, RawSet((frame,))):
        merged = apply("hdr_merge", value)
        np.testing.assert_array_equal(merged.data, plain.data)
        assert merged.noise == plain.noise


def test_frames_of_different_levels_and_types():
    """Digital numbers mean light: a frame that ends at half of them (a full well at low gain) is not brighter."""
    scene = np.full((64, 80), 0.2)
    a, b = exposed(scene, 1), exposed(scene, 4, seed=2, noise=NoiseModel((2 * SHOT,) * 4, (4 * READ,) * 4))
    white = (WHITE + BLACK) // 2
    b = RawFrame(np.minimum(b.data.astype(np.uint32) + 100, white), b.cfa, b.black + 100, white + 100.0, b.info)
    for params in ({}, {"ratios": [400.0, 100.0]}):
        merged = apply("hdr_merge", RawSet((a, b)), **params)
        assert merged.data.mean() == pytest.approx(0.2, rel=1e-3)
        assert merged.data.std() == pytest.approx(np.sqrt(1 / (1 / (SHOT * 0.2) + 1 / (4 * SHOT * 0.2))), rel=0.05)
    # a wrong ratio looks like motion, and the frame that counts as the shorter one remains
    wrong = apply("hdr_merge", RawSet((a, b)), ratios=[1.0, 0.4])
    assert wrong.data.mean() == pytest.approx(0.125, rel=0.01)


def test_weights_of_two_gains_are_those_of_reading():
    rng = np.random.Generator(np.random.Philox(1))
    scene = rng.poisson(np.full((256, 256), 0.1) / SHOT) * SHOT  # the electrons are common
    reads, gains = (64e-6, 4e-6), (4, 1)
    frames = []
    for number, (read, gain) in enumerate(zip(reads, gains, strict=True)):
        values = scene / gain + rng.normal(0, np.sqrt(read), scene.shape) / gain
        codes = np.clip(np.rint(values * (65535 - 4096) + 4096), 0, 65535).astype(np.uint16)
        noise = NoiseModel((SHOT / gain,) * 4, (read / gain**2,) * 4)
        facts = {"exposure": 0.01, "iso": 100.0 * 4**number, "noise": noise}
        frames.append(RawFrame.from_array(codes, "RGGB", 4096, 65535, **facts))
    merged = apply("hdr_merge", RawSet(tuple(frames)))
    best = 1 / (1 / reads[0] + 1 / reads[1])
    assert (merged.data - scene).var() == pytest.approx(best, rel=0.03)
    assert merged.noise.read[0] == pytest.approx(best)
    assert merged.noise.shot[0] == pytest.approx(SHOT)
    # at this level, weights with the noise of the photons are no longer best
    other = apply("hdr_merge", RawSet(tuple(frames)), kind="staggered", threshold=100.0)
    assert (other.data - scene).var() > 1.5 * best


def test_what_later_stages_are_told():
    frames = staggered()
    profile = Profile.from_stages(["black_level", "hdr_merge"])
    run = Pipeline(profile).run(frames, tap="hdr_merge")
    assert run.value.info.exposure == 0.02
    flat = RawSet(tuple(exposed(np.full((64, 64), 0.5), r, seed=r) for r in (1, 4, 16)))
    merged = apply("hdr_merge", flat)
    assert merged.data.var() == pytest.approx(merged.noise.shot[0] * 0.5 + merged.noise.read[0], rel=0.1)


def test_a_whole_profile_develops_a_set():
    pipeline = Pipeline(read_profile("natural"))
    lines = pipeline.explain(staggered())
    assert lines[0].startswith("each of 3 frames, segment 1: black_level")
    picture = pipeline(staggered())
    assert picture.shape == (75, 101)
    assert picture.pixels.std() > 10
    assert pipeline(staggered().frames[0]).shape == (75, 101)


@pytest.mark.parametrize(
    ("change", "params", "words"),
    [
        ({"exposure": None}, {}, "frame 2 of the set says no exposure time; give hdr_merge.ratios"),
        ({"iso": None}, {}, "frame 2 of the set says no ISO, but others do; give hdr_merge.ratios"),
        ({}, {"ratios": [1.0, 2.0, 3.0]}, "hdr_merge.ratios has 3 values for a set of 2 frames; give one each"),
    ],
)
def test_sets_that_do_not_say_enough(change, params, words):
    frames = RawSet((exposed(light(), 1), exposed(light(), 4).with_info(**change)))
    with pytest.raises(InputError) as refused:
        apply("hdr_merge", frames, **params)
    assert words in str(refused.value)


def test_frames_of_different_sizes_or_patterns_are_no_set():
    a, b = exposed(light(), 1), exposed(light((74, 100)), 1)
    with pytest.raises(InputError, match="frame 2 of the set is 100x74 RGGB, the first 101x75 RGGB; they must agree"):
        RawSet((a, b))
    with pytest.raises(InputError, match="frame 2 of the set is 101x75 GRBG, the first 101x75 RGGB"):
        RawSet((a, exposed(light(), 1, "GRBG")))


@pytest.mark.parametrize(
    ("stages", "tap", "error", "words"),
    [
        (["black_level", "demosaic"], None, InputError, "a set of 3 frames needs a stage that merges them; add hdr"),
        (["black_level", "hdr_merge"], "black_level", UsageError, "is one frame only behind the stage that merges it"),
        (["black_level", ("white_balance", {"mode": "manual"}), "hdr_merge"], None, ProfileError, "come before white"),
        (["black_level", "lens_shading", "hdr_merge"], None, ProfileError, "must come before lens_shading"),
    ],
)
def test_profiles_that_cannot_merge(stages, tap, error, words):
    from isp.values import GainMesh

    mesh = GainMesh(np.full((2, 2, 4), 2, np.float32))
    frames = RawSet(tuple(f.with_info(lens_shading=mesh) for f in staggered()))
    with pytest.raises(error) as refused:
        Pipeline(Profile.from_stages(stages)).run(frames, tap=tap)
    assert words in str(refused.value)
