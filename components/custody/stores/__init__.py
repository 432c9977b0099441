"""Implements the stores: one module each, named as in `custody.store`, with a class ``Store``."""
