"""Profiles as C libraries: the same segments compiled for another machine, the numbers as tables, a small C API.

`docs/native.md` takes a reader from a profile to a running C program.
"""
