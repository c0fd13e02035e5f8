"""From kernels to machine code: compiler options, the cache on disk, values of many lanes."""
