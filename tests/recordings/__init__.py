"""Metrics of real Vault servers in faults, and the alarms and the dashboard on them.

`python -m tests.recordings` records them anew, in a quarter of an hour, from every Vault that is built.

What a kubelet shows of volumes is from the sandbox, with a Vault of one pod in it:
`kubectl get --raw /api/v1/nodes/<node>/proxy/metrics | grep kubelet_volume_stats`.
"""
