"""Subcommands of `isp tune`, one file each."""
