"""Matrix runs: profiles x sensors x scenes x illuminants x ISO through the simulator, measured cell by cell."""
