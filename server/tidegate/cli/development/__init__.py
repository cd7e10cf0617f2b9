"""The parts of `tidegate dev`: it asks, generates, migrates, and restarts a gateway after each save."""
