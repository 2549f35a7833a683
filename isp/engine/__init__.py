"""The engine: stages become fused Halide segments, run strip by strip, differentiated, cached."""
