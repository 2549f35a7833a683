"""Rays against optiland's, one by one (optiland is MIT-licensed; tested with 0.6.3)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isp.lenses import load_lens
from isp.lenses.beam import Opening, Source, beam
from isp.lenses.prescription import Prescription

optic = pytest.importorskip("optiland.optic", exc_type=ImportError)
# Numba's, when it compiles optiland's loops
pytestmark = pytest.mark.filterwarnings("default")


def _theirs(prescription: Prescription, wavelength_nm: float):
    from optiland.materials import IdealMaterial

    made = optic.Optic()
    made.surfaces.add(index=0, radius=np.inf, thickness=np.inf)
    for i, surface in enumerate(prescription.surfaces, 1):
        shape = {"surface_type": "even_asphere", "coefficients": [0.0, *surface.terms]} if surface.aspheric else {}
        made.surfaces.add(
            index=i, radius=surface.radius, thickness=surface.thickness, conic=surface.conic, is_stop=surface.stop,
            material=IdealMaterial(n=surface.glass.index(wavelength_nm)), **shape,
        )
    made.surfaces.add(index=len(prescription.surfaces) + 1)
    return made


@pytest.mark.parametrize("wavelength_nm", [450.0, 650.0])
@pytest.mark.parametrize("name", ["50mm_f1.2_1966", "50mm_f1.0_2023", "28mm_f1.4_2016", "58mm_f1.4_1927"])
def test_every_ray_lands_where_optiland_says(name, wavelength_nm):
    from optiland.rays import RealRays

    lens = load_lens(name=name).prescription
    grid = beam(lens, Source(17.0), wavelength_nm, Opening(), 24)
    kept = grid.passes
    angle = math.radians(17.0)
    pupil = load_lens(name=name).entrance_pupil.position
    u, v = (a[kept] for a in np.meshgrid(grid.u, grid.v))
    # optiland starts rays in front of the lens and takes x as sagittal
    back = 60.0
    start = (u * math.cos(angle) - back * math.sin(angle), v, pupil - u * math.sin(angle) - back * math.cos(angle))
    rays = RealRays(
        x=start[1], y=start[0], z=start[2], L=np.zeros_like(u), M=np.full_like(u, math.sin(angle)),
        N=np.full_like(u, math.cos(angle)), intensity=np.ones_like(u), wavelength=wavelength_nm / 1000,
    )
    _theirs(lens, wavelength_nm).surfaces.trace(rays)
    plane = lens.length + lens.surfaces[-1].thickness
    x, y = grid.rays.at(plane)
    # a nanometre: optiland ends its search on an asphere earlier
    assert kept.sum() > 100
    np.testing.assert_allclose(np.asarray(rays.y), x[kept], rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.asarray(rays.x), y[kept], rtol=0, atol=1e-6)
    # a hundredth of a wavelength, for the same reason
    path = back + grid.rays.path + (plane - grid.rays.z) / grid.rays.dz
    np.testing.assert_allclose(np.asarray(rays.opd), path[kept], rtol=0, atol=5e-6)
