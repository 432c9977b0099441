"""The program's chapters and the folders that they are made of.

Most files here are chapters: `deployment.py` calls them, from top to bottom, and each dynamic resource is one
of them. A folder is what chapters are made of, and never imports a chapter. Folders import
downwards only. From the top:

- `commands`: what `python -m components` does beside `pulumi up`
- `snapshots`, `raft_recovery`, `status`: snapshots and their restore, a lost majority, and the page of the
  command of that name
- `init`: the one-time init
- `rollout`, `seal_migration`: the replacement of a running Vault's pods, and the change of its seal
- `shares`: recovery and key shares
- `journal`: what keeps them while an init runs
- `permissions`: the IAM documents and roles of the principal that runs the program
- `vault`: Vault's pods, HTTP API, configuration and chart values
- `settings`: everything that a stack can set
- `seals`, `custody`: one module per seal, and one per store of Vault's keys
- `aws`, `google`, `azure`, `transit`: one folder per cloud or key service; none imports another
- `kubernetes`, `config`, `chart`, `tls`: kubectl and the managed cluster, the reader of settings, the values
  of the official chart, and certificates

The files that aren't chapters stand below all folders, or between them (`pyproject.toml` has the order): what
dynamic resources are made of (`stable_provider.py`, `awaits_release.py`), what the state and a preview tell
(`stack_state.py`, `planned_resource.py`, `resource_types.py`), what a run reports and waits for
(`progress.py`, `time_limit.py`, `errors.py`), and single facts such as `near_names.py`.
"""
