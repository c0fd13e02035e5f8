"""Compiled arithmetic: NumPy arrays in, NumPy arrays out.

Nothing here validates and nothing here knows the rest of qmac. Reading order::

    averages -> crosses -> lists -> stops -> tables -> walk -> measures -> tally -> maps -> shared -> sweep

``trades`` is for one combination.

``_jit`` holds every compiler option, ``_cache`` keeps what is compiled, ``lanes`` are values as wide as a lane block;
``_vectors`` and ``_instructions`` are what those mean to the compiler.
"""
