"""Cert-manager's controllers and metrics, recorded on a real API server without nodes.

`python -m tests.recordings.cert_manager` builds and records them anew. The build isn't part of CI.
"""
