"""The sweep over a block of the grid, and the reductions that it updates."""
