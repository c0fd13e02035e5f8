"""Layouts of price files by name: what proves each, and how it is read.

A layout is one entry of a table: ``downloads``, ``platforms``, ``exchanges`` and ``vendors`` have
one each. ``find`` tells which one a file has. CONTRIBUTING shows how to add one.
"""
