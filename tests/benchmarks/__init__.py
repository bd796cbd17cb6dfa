"""Figures that must hold, as ratios measured in one run on this machine. `make bench` prints them."""
