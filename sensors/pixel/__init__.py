"""What happens in a pixel: light to electrons, electrons to digital numbers, with every source of noise."""
