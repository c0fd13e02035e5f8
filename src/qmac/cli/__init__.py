"""The command line: parses, calls, prints. Standard output is the answer, standard error the rest.

::

    app           the list of commands
    runs          optimize, estimate, resume, watch, runs
    combinations  backtest, evaluate
    results       show, export
    checks        verify, doctor
    streams       what is printed where
    exits         exit codes, and the line on standard error that goes with each

Nothing heavy is imported before a command runs: ``qmac --help`` needs neither NumPy nor Numba.
"""
