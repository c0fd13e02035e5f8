"""What turns kernels into machine code: compiler options, the cache on disk, values as wide as a lane block."""
