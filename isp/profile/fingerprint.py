"""What a profile makes of a frame, as a short text that two machines can compare."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from isp.fingerprint import fingerprint
from isp.parameters import FileRef
from isp.profile.files import MAX_FILE_BYTES, locate, read_bounded
from isp.profile.model import Profile
from isp.profile.sensors import find_sensor


def profile_fingerprint(profile: Profile) -> str:
    """SHA-256 of everything in a profile that can change a picture: stages, values, content of the files it names.

    Name, description and comments do not count; nor does the code of the stages.

    Raises
    ------
    ProfileError, LimitError
        A file or sensor that it names is missing, or the file is too large.
    """
    stages = [
        [e.name, e.enabled, {name: _content(v, profile, e.origins.get(name, "")) for name, v in e.values.items()}]
        for e in profile.stages
    ]
    sensor = find_sensor(profile.sensor).get("stages", {}) if profile.sensor else {}
    return fingerprint([profile.version, stages, sensor, profile.output.as_dict(), profile.datapath, profile.start])


def _content(value: Any, profile: Profile, origin: str) -> Any:
    from isp.lenses.prescription import Prescription

    if isinstance(value, Prescription):
        return repr(value)
    if not isinstance(value, FileRef):
        return value
    path = Path(value.file) if origin == "--set" else locate(value, profile.folder)
    content = hashlib.sha256(read_bounded(path, MAX_FILE_BYTES, "file")).hexdigest()
    return [content, value.name] if value.name else content
