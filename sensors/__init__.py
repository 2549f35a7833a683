"""Scene to raw: scenes, optics, sensor physics and the sensor catalogue."""
