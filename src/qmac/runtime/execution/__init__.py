"""Executors: serial and threads, and the ledger of cells that are done."""
