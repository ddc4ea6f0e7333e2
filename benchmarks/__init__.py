"""The costs of tealetpp, compared with what a user would pick instead.

One module for each question; its docstring says what it measures. ``python -m benchmarks`` runs
them all and writes the report; docs/benchmarks.md tells how to read it.
"""
