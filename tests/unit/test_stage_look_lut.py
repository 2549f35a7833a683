"""Look LUT: tetrahedral interpolation and real files against colour-science, domains, curves, strength."""

import numpy as np
import pytest

from isp.color.spaces import conversion
from isp.errors import ProfileError
from isp.io.cube import Cube, read_cube, write_cube
from tests.unit.stage_runner import around, resolved, run_stage

PLAIN = {"space": "rec2020", "transfer": "linear"}
FILES_3D = ["colour_Three_Dimensional_Table", "colour_Colour_Correct", "nilut_LUT01", "ocio_iridas_3d"]


def _run(rgb, cube, **params):
    rgb = np.ascontiguousarray(rgb, np.float32)
    return run_stage("look_lut", rgb, around(rgb), "display", file=cube, **params).astype(np.float64)


def _colours(low=0.0, high=1.0, seed=1):
    return np.random.Generator(np.random.Philox(seed)).uniform(low, high, (30, 33, 3))


def _random_cube(n, seed=2, domain=None):
    table = np.random.Generator(np.random.Philox(seed)).uniform(0, 1, (n, n, n, 3))
    return Cube(table=table.astype(np.float32), table_domain=domain)


@pytest.mark.parametrize("n", [2, 3, 17, 33])
def test_tetrahedral_interpolation_is_colours(n):
    algebra = pytest.importorskip("colour.algebra")
    cube, rgb = _random_cube(n), _colours().astype(np.float32).astype(np.float64)
    expected = algebra.table_interpolation_tetrahedral(rgb, cube.table.transpose(2, 1, 0, 3).astype(np.float64))
    np.testing.assert_allclose(_run(rgb, cube, **PLAIN), expected, atol=2e-5)


def test_the_nodes_and_the_end_of_the_table_are_met():
    cube = _random_cube(5)
    b, g, r = np.mgrid[:5, :5, :5]
    nodes = np.stack([r, g, b], axis=-1).reshape(1, -1, 3).repeat(4, axis=0) / 4
    np.testing.assert_allclose(_run(nodes, cube, **PLAIN)[0], cube.table.reshape(-1, 3), atol=1e-6)


@pytest.mark.parametrize("name", FILES_3D)
def test_real_tables_match_colour(shared_data, name):
    colour = pytest.importorskip("colour")
    path = shared_data / "looks" / f"{name}.cube"
    cube, theirs = read_cube(path), colour.read_LUT(str(path))
    low, high = cube.table_domain
    rgb = (low + _colours() * (high - low)).astype(np.float32).astype(np.float64)
    expected = theirs.apply(rgb, interpolator=colour.algebra.table_interpolation_tetrahedral)
    scale = np.abs(cube.table).max()
    np.testing.assert_allclose(_run(rgb, cube, **PLAIN), expected, atol=3e-5 * scale)


@pytest.mark.parametrize("name", ["colour_ACES_Proxy_10_to_ACES", "ocio_iridas_1d"])
def test_real_curves_match_colour(shared_data, name):
    colour = pytest.importorskip("colour")
    path = shared_data / "looks" / f"{name}.cube"
    cube, theirs = read_cube(path), colour.read_LUT(str(path))
    low, high = cube.curves_domain
    rgb = (low + _colours() * (high - low)).astype(np.float32).astype(np.float64)
    # linear between the points, which colour's reader gives as they are
    table = np.asarray(theirs.table).reshape(len(cube.curves), -1) * np.ones(3)
    expected = np.stack(
        [np.interp(rgb[..., c], np.linspace(low[c], high[c], len(table)), table[:, c]) for c in range(3)], axis=-1
    )
    np.testing.assert_allclose(_run(rgb, cube, **PLAIN), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", ["colour_LogC_Video", "colour_Three_Dimensional_Table_With_Shaper",
                                  "ocio_resolve_1d3d"])
def test_real_shapers_in_front_of_tables_match_colour(shared_data, name):
    colour = pytest.importorskip("colour")
    path = shared_data / "looks" / f"{name}.cube"
    cube, theirs = read_cube(path), colour.read_LUT(str(path))
    shaper, table = theirs.sequence
    low, high = cube.curves_domain
    rgb = (low + _colours() * (high - low)).astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(np.asarray(shaper.table).reshape(-1, 3), cube.curves, atol=1e-6)
    shaped = np.stack(
        [np.interp(rgb[..., c], np.linspace(low[c], high[c], len(cube.curves)), cube.curves[:, c]) for c in range(3)],
        axis=-1,
    )
    held = np.clip(shaped, *cube.table_domain)
    expected = table.apply(held, interpolator=colour.algebra.table_interpolation_tetrahedral)
    np.testing.assert_allclose(_run(rgb, cube, **PLAIN), expected, atol=2e-4 * max(np.abs(cube.table).max(), 1))


def test_colours_beyond_the_domain_are_held_to_it():
    cube = _random_cube(4, domain=np.array([[0.2, 0.0, -0.5], [0.7, 1.0, 0.5]]))
    rgb = _colours(-2, 3)
    held = np.clip(rgb, *cube.table_domain)
    np.testing.assert_allclose(_run(rgb, cube, **PLAIN), _run(held, cube, **PLAIN), atol=1e-5)


def _identity(n=9):
    b, g, r = np.mgrid[:n, :n, :n] / (n - 1)
    return Cube(table=np.stack([r, g, b], axis=-1).astype(np.float32))


def test_the_identity_behind_the_srgb_curve_changes_nothing_inside_the_gamut():
    # away from the gamut's surface, where colours are moved in
    grey = np.linspace(0.02, 0.95, 30)[:, None, None]
    rgb = grey + 0.15 * np.minimum(grey, 1 - grey) * (_colours() - 0.5)
    np.testing.assert_allclose(_run(rgb, _identity()), rgb, atol=5e-6)


def test_the_log_curve_is_acescct():
    colour = pytest.importorskip("colour")
    n = 65
    rng = np.random.Generator(np.random.Philox(4))
    curves = np.sort(rng.uniform(0.05, 1, (n, 3)), axis=0)
    rgb = 2.0 ** _colours(-12, 6)
    code = colour.models.log_encoding_ACEScct(rgb)
    looked = np.stack([np.interp(code[..., c], np.linspace(0, 1, n), curves[:, c]) for c in range(3)], axis=-1)
    expected = colour.models.log_decoding_ACEScct(looked)
    out = _run(rgb, Cube(curves=curves.astype(np.float32)), space="rec2020", transfer="log")
    np.testing.assert_allclose(out, expected, rtol=2e-4)


def test_a_table_for_srgb_sees_srgb_and_its_result_is_taken_as_srgb():
    """A table that swaps red and blue swaps them in sRGB, not in the working space."""
    swap = Cube(table=_identity().table[..., ::-1].copy())
    rgb = 0.2 + 0.3 * _colours()
    to, back = conversion("srgb", "rec2020"), conversion("rec2020", "srgb")
    out = _run(rgb @ to.T, swap)
    np.testing.assert_allclose(out @ back.T, rgb[..., ::-1], atol=2e-5)


@pytest.mark.parametrize("strength", [0.25, 0.8])
def test_strength_mixes_code_values(strength):
    cube, rgb = _random_cube(3), _colours()
    full = _run(rgb, cube, **PLAIN)
    np.testing.assert_allclose(_run(rgb, cube, **PLAIN, strength=strength), rgb + strength * (full - rgb), atol=1e-5)


def test_no_table_and_no_strength_are_skipped():
    context = around(np.zeros((4, 4, 3), np.float32))
    for params in ({}, {"file": _identity(), "strength": 0}):
        stage, values = resolved("look_lut", context, "display", **params)
        assert stage.identity(values, context)


def test_numbers_may_be_given_instead_of_a_file_but_must_form_a_cube():
    context = around(np.zeros((4, 4, 3), np.float32))
    _, values = resolved("look_lut", context, "display", file=_identity(3).table.tolist())
    assert values["file"] == _identity(3)
    with pytest.raises(ProfileError, match="allowed: n x n x n"):
        resolved("look_lut", context, "display", file=np.zeros((3, 3, 2, 3)).tolist())


@pytest.mark.parametrize("parts", ["curves", "table", "both"])
def test_a_written_file_reads_back_the_same(tmp_path, parts):
    rng = np.random.Generator(np.random.Philox(6))
    cube = Cube(
        curves=rng.uniform(-1, 2, (7, 3)).astype(np.float32) if parts != "table" else None,
        table=rng.uniform(-1, 2, (4, 4, 4, 3)).astype(np.float32) if parts != "curves" else None,
        curves_domain=np.array([[-0.5] * 3, [1.5] * 3]),
        table_domain=np.array([[0.0] * 3, [2.0] * 3]) if parts == "both" else np.array([[0.0, 0.1, 0.2], [1, 2, 3]]),
        title="a look",
    )
    path = tmp_path / "look.cube"
    write_cube(cube, path)
    again = read_cube(path)
    for name in ("curves", "table"):
        mine, theirs = getattr(cube, name), getattr(again, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)
            np.testing.assert_array_equal(getattr(cube, f"{name}_domain"), getattr(again, f"{name}_domain"))
    assert again.title == "a look"
