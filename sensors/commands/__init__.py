"""Subcommands of `isp` about sensors."""
