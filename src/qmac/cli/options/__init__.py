"""Options of commands, each declared once.

::

    tables       the options that several commands take, by group: name, type, default, help
    arguments    the directory of a run, which several commands take
    reading      how prices are read, and the prices that are
    job          what a sweep follows from, and where it is computed
    job_file     a job file among the prices
    typed        what was typed, as opposed to defaults
    declaration  how typer reads an option; options of the fields of a dataclass
    groups       the headings in the help, in their order

A command takes a table in place of one parameter (``takes``); options of ``Rules``, ``Limits`` and
``ReadOptions`` are the fields of these classes: a new field is an option of every command that
takes them. Only what ``--help`` needs is imported; NumPy and Numba are half of a start.
"""
