"""The nox sessions, which ``noxfile.py`` lists. A module has those of one subject.

Modules without sessions have what several of these need: ``builds``, ``debians``, ``packages``,
``pythons`` and ``qemu``.
"""
