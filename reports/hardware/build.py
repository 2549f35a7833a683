"""A profile, a camera of the catalogue and an ISP: what `isp cost` finds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isp.cost.accounting import Account
from isp.cost.energy import Energy, estimate
from isp.cost.limits import Check, Fit, Stream, fit, rate_check
from isp.cost.target import Target, load_target
from isp.errors import UsageError

if TYPE_CHECKING:
    from isp.profile import Profile
    from sensors.sensor import Camera


@dataclass(frozen=True)
class HardwareCost:
    """A profile on an ISP, for the frames of a camera.

    Parameters
    ----------
    account : what the profile takes for a frame
    camera, mode : of the catalogue
    target : the ISP
    fps : frames per second
    fit : the limits
    modes : pixel rate of each of the camera's modes, as fast as it reads out, against the ISP's budget
    energy : of a frame; None where the frame cannot be cut into strips
    """

    account: Account
    camera: str
    mode: str
    target: Target
    fps: float
    fit: Fit
    modes: tuple[tuple[str, Stream, Check | None], ...]
    energy: Energy | None

    @property
    def line_width(self) -> int:
        """Of the strips or tiles that lines are kept for [px]."""
        return self.fit.cut.width if self.fit.cut is not None else self.account.raw[0]

    @property
    def line_bits(self) -> int:
        """All line buffers [bits]."""
        return sum(self.account.line_bits(s, self.line_width) for s in self.account.stages)

    @property
    def traffic(self) -> dict[str, float]:
        """Bytes of a frame across the memory bus, by what they are; empty where the frame cannot be cut."""
        cut = self.fit.cut
        return {} if cut is None else dict(self.account.traffic(cut, streamed=self.fit.streamed))

    @property
    def sentence(self) -> str:
        """The verdict."""
        (width, height), name = self.account.raw, self.target.name
        what = f"{self.account.profile} on {width} x {height} at {self.fps:.4g}/s ({self.camera}, {self.mode})"
        if not self.fit.fits:
            return f"{what} does not fit {name}: {'; '.join(self.fit.reasons)}."
        how = "while it streams" if self.fit.streamed else "from memory"
        return f"{what} fits {name}, {how}."


def hardware_cost(
    profile: Profile,
    camera: str | Camera,
    isp: str | None = None,
    *,
    mode: str | None = None,
    iso: float | None = None,
    fps: float | None = None,
) -> HardwareCost:
    """The cost of a profile for the frames of a camera.

    Parameters
    ----------
    profile : Profile
    camera : str or Camera
        A sensor, a phone or ``phone/camera``.
    isp : str, optional
        A name of `isp.cost.target_names`, or the path of a description; by default the phone's, `generic` for a sensor.
    mode, iso : as of `reports.hardware.frame.even_frame`
    fps : float, optional
        Frames per second; by default as many as the camera reads out.

    Raises
    ------
    UsageError
        An unknown ISP, camera or mode, or a rate that cannot be.
    ProfileError, InputError
        The profile cannot develop such a frame, or a description is wrong.
    """
    from isp.cost.accounting import account
    from reports.hardware.frame import even_frame
    from sensors.catalog import load_camera

    found = load_camera(camera) if isinstance(camera, str) else camera
    target = load_target(isp or phone_isp(found.name))
    sensor = found.sensor
    used = sensor.mode(mode or sensor.default_mode)
    width, height = sensor.output_size(used)
    rate = 1 / sensor.frame_time(used) if fps is None else fps
    Stream(width, height, rate)
    frame = even_frame(found, used.name, iso)
    counted = account(profile, frame, raw_bits=sensor.bits, bits=target.whole("bits"))
    held = fit(counted, target, rate, frame.cfa.block)
    energy = None if held.cut is None else estimate(counted, target, held.cut, streamed=held.streamed)
    modes = []
    for each in sensor.modes.values():
        stream = Stream(*sensor.output_size(each), 1 / sensor.frame_time(each))
        modes.append((each.name, stream, rate_check(target, [stream])))
    return HardwareCost(counted, found.name, used.name, target, rate, held, tuple(modes), energy)


def phone_isp(camera: str) -> str:
    """The ISP that the catalogue names for a phone's camera; `generic` for a sensor alone."""
    from sensors.catalog import load
    from sensors.sensor import Phone

    try:
        phone = load(camera.rpartition("/")[0] or camera)
    except UsageError:
        return "generic"
    return phone.isp if isinstance(phone, Phone) and phone.isp else "generic"
