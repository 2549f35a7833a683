"""Colour mathematics in float64 NumPy: RGB spaces, temperatures, the DNG colour model, automatic white.

`docs/color.md` is the page to read. Nothing here touches pixels of a frame; stages turn these numbers into arrays.
"""
