"""Numbers to profile: calibrations, fits and their exports."""
