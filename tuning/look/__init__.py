"""Looks: a 3D table, or a few parameters, that turn one rendering into another; fitted to pairs of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isp.lazy import lazily

if TYPE_CHECKING:
    from tuning.look.held_back import LookScore as LookScore
    from tuning.look.look_fit import LookFit as LookFit
    from tuning.look.look_fit import fit_look as fit_look
    from tuning.look.parametric_look import ParametricLook as ParametricLook

_HOME = {
    "LookFit": "look_fit",
    "LookScore": "held_back",
    "ParametricLook": "parametric_look",
    "fit_look": "look_fit",
}
__all__ = sorted(_HOME)

__getattr__, __dir__ = lazily(__name__, _HOME)
