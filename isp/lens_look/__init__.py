"""The picture as another lens would have taken it: rays, spots, layers, and what hides what."""
