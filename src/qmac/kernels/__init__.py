"""Compiled arithmetic: NumPy arrays in, NumPy arrays out.

No kernel validates, and none knows the rest of qmac. Reading order::

    signals   averages -> crosses -> event_lists
    trades    stops -> exit_tables -> walk -> scores; replay is for one combination
    sweep     tally -> pair_maps -> shared_windows -> sweep; neighbors is for the plateau
    compiler  jit has every compiler option, cache stores what is compiled, lanes are values as
              wide as a lane block
"""
