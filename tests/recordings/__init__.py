"""Metrics of real Vault servers in faults, and the alarms and the dashboard on them.

`python -m tests.recordings` records them anew, in a quarter of an hour, from every Vault that is built.
"""
