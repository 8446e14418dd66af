"""Benches: each compares, in one run, LesionLab with what people would use instead and with the floor.

``python -m bench`` runs all, ``python -m bench NAME`` one, ``--quick`` a small one that only shows that it works.
A bench is a module of this package with ``run(quick: bool) -> Report``.
"""
