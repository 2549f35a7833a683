"""Images inside the page: SVG as elements that follow its colours, everything else as data."""

from __future__ import annotations

import re
from base64 import b64encode
from xml.etree import ElementTree

from isp.errors import UsageError
from reports.model import Image

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_DROPPED = {f"{{{_SVG}}}{name}" for name in ("script", "style", "metadata", "foreignObject", "a")}
"""Elements that act, load, or leak into the page: rules of an inlined `style` would style every figure."""
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")


def data_url(image: Image) -> str:
    """The image as ``data:`` URL."""
    return f"data:{image.mime};base64,{b64encode(image.data).decode('ascii')}"


def inline_svg(image: Image, prefix: str, alt: str) -> str:
    """An SVG file as one element to put into HTML.

    Parameters
    ----------
    image : Image
        Of SVG.
    prefix : str
        Put before every id, so that the figures of a page share none.
    alt : str
        What it shows.

    Raises
    ------
    UsageError
        The file is not SVG.
    """
    try:
        root = ElementTree.fromstring(image.data)
    except ElementTree.ParseError as error:
        raise UsageError(f"figure {alt!r} is not well-formed SVG: {error}") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise UsageError(f"figure {alt!r} is not SVG: its root is <{root.tag}>")
    _clean(root)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # HTML knows SVG without its namespace
        for name, value in list(element.attrib.items()):
            if name.lower().startswith("on"):
                del element.attrib[name]
            elif name == "id":
                element.set("id", prefix + value)
            elif name in ("href", _XLINK):
                del element.attrib[name]
                if value.startswith("#"):
                    element.set("href", f"#{prefix}{value[1:]}")
                elif value.startswith("data:image/"):
                    element.set("href", value)
            elif "url(" in value:
                element.set(name, _REFERENCE.sub(rf"url(#{prefix}\1)", value))
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.attrib.setdefault("viewBox", f"0 0 {image.size[0]} {image.size[1]}")
    root.set("role", "img")
    root.set("aria-label", alt)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element) -> None:
    for child in list(element):
        if child.tag in _DROPPED:
            element.remove(child)
        else:
            _clean(child)
