"""A mobile ISP: a raw frame becomes a picture, by stages that one YAML profile describes.

>>> from isp import read_raw, read_profile, Pipeline
>>> picture = Pipeline(read_profile("natural"))(read_raw("IMG_0001.dng"))
>>> picture.save("out.png")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isp.io import read_raw as read_raw
    from isp.pipeline import Pipeline as Pipeline
    from isp.pipeline import apply as apply
    from isp.profile import Profile as Profile
    from isp.profile import read_profile as read_profile
    from isp.values import Mosaic as Mosaic
    from isp.values import Picture as Picture
    from isp.values import RawFrame as RawFrame
    from isp.values import RawSet as RawSet

    __version__: str

_HOME = {
    "Mosaic": "isp.values",
    "Picture": "isp.values",
    "Pipeline": "isp.pipeline",
    "Profile": "isp.profile",
    "RawFrame": "isp.values",
    "RawSet": "isp.values",
    "apply": "isp.pipeline",
    "read_profile": "isp.profile",
    "read_raw": "isp.io",
}
"""Where each public name lives. Nothing is imported before it is used: `import isp` costs a few milliseconds."""

__all__ = [
    "Mosaic",
    "Picture",
    "Pipeline",
    "Profile",
    "RawFrame",
    "RawSet",
    "__version__",
    "apply",
    "read_profile",
    "read_raw",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'isp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mobile-isp")
    except PackageNotFoundError:
        return "0+unknown"
