"""Compiled arithmetic: NumPy arrays in, NumPy arrays out.

Nothing here validates and nothing here knows the rest of qmac. Reading order::

    averages -> crosses -> tables -> sweep        trades (one combination)

``_jit`` holds every compiler option, ``lanes`` the values that are as wide as a lane block.
"""
