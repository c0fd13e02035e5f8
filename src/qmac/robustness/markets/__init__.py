"""Random markets like a real one, and their sweeps: what luck and tries stand on."""
