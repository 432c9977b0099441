"""Implements the seals: each is one module with a class ``Seal``, whose interface is in `seal.py`."""
