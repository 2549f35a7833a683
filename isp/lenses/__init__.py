"""Lenses from their prescriptions: what a real lens does to light, by tracing rays.

>>> from isp.lenses import load_lens
>>> lens = load_lens(name="50mm_f1.2_1966")
>>> lens.focal_length, lens.back_focus      # 52.024 mm, 27.677 mm
>>> lens.cats_eye(20)                       # 0.53: the beam is half as high as wide
"""

from isp.lenses.lens import Lens, Rays
from isp.lenses.lens_files import lens_names, load_lens
from isp.lenses.point_spread import Psf
from isp.lenses.psf_table import PsfTable, prepare
from isp.lenses.wavefront import Wavefront

__all__ = ["Lens", "Psf", "PsfTable", "Rays", "Wavefront", "lens_names", "load_lens", "prepare"]
