"""Colour mathematics in float64 NumPy: RGB spaces, white points and temperatures, the DNG colour model.

`docs/color.md` is the page to read. Nothing here touches pixels of a frame; stages turn these numbers into arrays.
"""
