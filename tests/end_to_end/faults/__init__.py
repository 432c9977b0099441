"""The faults that are injected into runs of the program, and what finds out what became of the keys."""
