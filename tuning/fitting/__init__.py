"""Fit a profile to reference pictures, or to goals, by gradient and search."""
