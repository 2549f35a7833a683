"""SVG figures as matplotlib artists, so that slides show them as vectors without another renderer.

Reads the SVG that `reports.figures.style` writes: paths, markers, clipping rectangles, text, embedded pictures. What
else SVG can hold is left out.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

import numpy as np

from isp.values import Float64
from reports.model import Image

_XLINK = "{http://www.w3.org/1999/xlink}href"
_TOKEN = re.compile(r"[MLHVCQZz]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_POINTS = {"M": 1, "L": 1, "C": 3, "Q": 2}
_CODES = {"M": 1, "L": 2, "Q": 3, "C": 4}  # of matplotlib.path.Path
_CLOSE = 79
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def draw(image: Image, axes: Any, ink: str) -> None:
    """Draws an image into axes, as large as it fits.

    Parameters
    ----------
    image : Image
        SVG, PNG or JPEG.
    axes : matplotlib axes
        Emptied of ticks and frame; the image keeps its shape, at the top left.
    ink : str
        What `currentColor` stands for.
    """
    axes.set_axis_off()
    if image.mime != "image/svg+xml":
        axes.imshow(pixels(image), interpolation="none" if image.size[0] < 400 else "auto")
        axes.set_anchor("NW")
        return
    root = ElementTree.fromstring(image.data)
    left, top, width, height = (float(v) for v in root.attrib["viewBox"].split())
    axes.set(xlim=(left, left + width), ylim=(top + height, top), aspect="equal", anchor="NW")
    axes.apply_aspect()
    inches = axes.get_window_extent().width / axes.figure.dpi
    known = {e.attrib["id"]: e for e in root.iter() if "id" in e.attrib}
    _Pen(axes, known, inches * 72 / width, {"ink": ink}).walk(root)


def pixels(image: Image) -> Any:
    """(h, w, 3 or 4) uint8 of a PNG or JPEG."""
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(image.data)) as opened:
        return np.asarray(opened.convert("RGBA" if "A" in opened.getbands() else "RGB"))


@dataclass(frozen=True)
class _Pen:
    """Where and how the next element is drawn: `points` of the page are one unit of the SVG."""

    axes: Any
    known: dict[str, ElementTree.Element]
    points: float
    style: dict[str, str]
    place: Any = None
    clip: Any = None
    order: list[int] = field(default_factory=lambda: [0])

    def walk(self, element: ElementTree.Element) -> None:
        tag = element.tag.rpartition("}")[2]
        pen = self.entered(element)
        if tag in ("svg", "g"):
            for child in element:
                pen.walk(child)
        elif tag == "path":
            pen.path(element)
        elif tag == "use":
            target = self.known.get(element.attrib.get(_XLINK, element.attrib.get("href", "")).removeprefix("#"))
            if target is not None:
                pen.moved(float(element.get("x", 0)), float(element.get("y", 0))).walk(target)
        elif tag == "text":
            pen.text(element)
            for child in element:
                pen.entered(child).text(child)
        elif tag == "image":
            pen.image(element)

    def entered(self, element: ElementTree.Element) -> _Pen:
        style = dict(pair.split(":", 1) for pair in element.get("style", "").split(";") if ":" in pair)
        style = {name.strip(): value.strip() for name, value in style.items()}
        clip = self.known.get(element.get("clip-path", "")[5:-1])
        return replace(
            self, style=self.style | style, place=_transform(element.get("transform", "")) + self.placed,
            clip=self.clip if clip is None else clip[0],
        )  # fmt: skip

    def moved(self, x: float, y: float) -> _Pen:
        from matplotlib.transforms import Affine2D

        return replace(self, place=Affine2D().translate(x, y) + self.placed)

    @property
    def placed(self) -> Any:
        from matplotlib.transforms import Affine2D

        return Affine2D() if self.place is None else self.place

    def color(self, name: str, default: str) -> str:
        value = self.style.get(name, default)
        return self.style["ink"] if value == "currentColor" else value

    def add(self, artist: Any) -> None:
        from matplotlib.patches import Rectangle

        self.order[0] += 1
        artist.set(transform=self.placed + self.axes.transData, zorder=self.order[0])
        self.axes.add_artist(artist)
        artist.set_clip_on(self.clip is not None)
        if self.clip is not None:
            x, y, width, height = (float(self.clip.get(name, 0)) for name in ("x", "y", "width", "height"))
            artist.set_clip_path(Rectangle((x, y), width, height, transform=self.axes.transData))

    def path(self, element: ElementTree.Element) -> None:
        from matplotlib.patches import PathPatch

        vertices, codes = outline(element.get("d", ""))
        if not codes:
            return
        from matplotlib.colors import to_rgba
        from matplotlib.path import Path

        opacity = float(self.style.get("opacity", 1))
        face = self.color("fill", "#000000")
        edge = self.color("stroke", "none")
        fill = "none" if face == "none" else to_rgba(face, opacity * float(self.style.get("fill-opacity", 1)))
        stroke = "none" if edge == "none" else to_rgba(edge, opacity * float(self.style.get("stroke-opacity", 1)))
        width = float(self.style.get("stroke-width", 1)) * self.points if edge != "none" else 0
        dashes = [float(v) * self.points for v in re.findall(r"[\d.]+", self.style.get("stroke-dasharray", ""))]
        line = (0, dashes) if dashes and any(dashes) else "-"
        self.add(PathPatch(Path(vertices, codes), facecolor=fill, edgecolor=stroke, linewidth=0))
        if width:  # matplotlib counts dashes in line widths
            scaled = (0, [d / width for d in dashes]) if line != "-" else "-"
            self.add(PathPatch(Path(vertices, codes), facecolor="none", edgecolor=stroke, linewidth=width,
                               linestyle=scaled, capstyle="butt", joinstyle="round"))  # fmt: skip

    def text(self, element: ElementTree.Element) -> None:
        text = element.text or ""
        if not text.strip():
            return
        x, y = self.placed.transform((0.0, 0.0)) if "x" not in element.attrib else self.placed.transform(
            (float(element.attrib["x"]), float(element.attrib["y"]))
        )  # fmt: skip
        matrix = self.placed.get_matrix()
        size = float(re.sub(r"[^\d.]", "", self.style.get("font-size", "9px"))) * self.points
        self.order[0] += 1
        self.axes.text(
            x, y, text.replace("$", r"\$"), fontsize=size, color=self.color("fill", "#000000"), va="baseline",
            ha=_ANCHORS[self.style.get("text-anchor", "start")], zorder=self.order[0], rotation_mode="anchor",
            rotation=-np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])), clip_on=False,
            fontweight=self.style.get("font-weight", "normal"), family="DejaVu Sans", parse_math=False,
        )  # fmt: skip

    def image(self, element: ElementTree.Element) -> None:
        data = b64decode(element.attrib.get(_XLINK, element.attrib.get("href", "")).partition("base64,")[2])
        width, height = float(element.get("width", 0)), float(element.get("height", 0))
        x, y = float(element.get("x", 0)), float(element.get("y", 0))
        self.order[0] += 1
        limits = self.axes.get_xlim(), self.axes.get_ylim()
        drawn = self.axes.imshow(
            pixels(Image(data, "image/png", (0, 0))), extent=(x, x + width, y + height, y), aspect="equal",
            interpolation="none", zorder=self.order[0], transform=self.placed + self.axes.transData,
        )  # fmt: skip
        drawn.set_clip_on(False)
        self.axes.set(xlim=limits[0], ylim=limits[1])


def outline(d: str) -> tuple[list[tuple[float, float]], list[int]]:
    """Vertices and codes of `matplotlib.path.Path` from the data of an SVG path of absolute M, L, H, V, C, Q and Z."""
    tokens = _TOKEN.findall(d)
    vertices: list[tuple[float, float]] = []
    codes: list[int] = []
    at, command = 0, "M"
    while at < len(tokens):
        if tokens[at].isalpha():
            command = tokens[at].upper()
            at += 1
        if command == "Z":
            vertices.append((0.0, 0.0))
            codes.append(_CLOSE)
        elif command in "HV":
            x, y = vertices[-1]
            vertices.append((float(tokens[at]), y) if command == "H" else (x, float(tokens[at])))
            codes.append(_CODES["L"])
            at += 1
        else:
            count = _POINTS[command]
            numbers = [float(v) for v in tokens[at : at + 2 * count]]
            vertices += list(zip(numbers[::2], numbers[1::2], strict=True))
            codes += [_CODES[command]] * count
            at += 2 * count
            command = "L" if command == "M" else command
    return vertices, codes


def _transform(text: str) -> Any:
    """matplotlib's transform of an SVG one: the first listed is the last applied."""
    from matplotlib.transforms import Affine2D

    found = np.eye(3)
    for name, arguments in re.findall(r"(\w+)\(([^)]*)\)", text):
        v = [float(n) for n in re.split(r"[\s,]+", arguments.strip())]
        if name == "translate":
            found = found @ _matrix(1, 0, 0, 1, v[0], v[1] if len(v) > 1 else 0.0)
        elif name == "scale":
            found = found @ _matrix(v[0], 0, 0, v[-1], 0, 0)
        elif name == "rotate":
            cos, sin = np.cos(np.radians(v[0])), np.sin(np.radians(v[0]))
            x, y = v[1:] or (0.0, 0.0)
            found = found @ _matrix(cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y)
        elif name == "matrix":
            found = found @ _matrix(*v)
    return Affine2D(found)


def _matrix(a: float, b: float, c: float, d: float, e: float, f: float) -> Float64:
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]], np.float64)
