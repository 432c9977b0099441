"""Provider plugins of the sandbox's own, for machines on which the real ones can't be downloaded.

A stand-in serves the few resource types and functions which the program uses, behaves as the real plugin
does, and refuses everything else. It is no part of what is deployed.
"""
