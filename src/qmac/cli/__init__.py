"""The command line: parses, calls, prints. Standard output is the answer, standard error the rest.

::

    main        installs the handlers of signals, before anything heavy is imported
    app         the list of commands
    commands/   runs (optimize, estimate, resume, watch, runs), combinations (backtest, evaluate),
                results (show, export), checks (verify, doctor), report, prices, fetch
    options/    options that several commands take, each declared once, in groups
    help_page   what --help prints: examples, and options in groups
    streams     standard output and standard error
    exits       exit codes, and the line on standard error that goes with each
    interrupts  Ctrl-C, SIGTERM and a closed terminal

Nothing heavy is imported before a command runs: ``qmac --help`` needs neither NumPy nor Numba.
"""
