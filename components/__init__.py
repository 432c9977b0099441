"""The program's chapters and the folders that they are made of.

The files here are chapters: `deployment.py` calls them, from top to bottom, and each dynamic resource is one
of them. A folder is what chapters are made of, and never imports a chapter. Folders import
downwards only. From the top:

- `commands`: what `python -m components` does beside `pulumi up`
- `status`: the page of the command of that name
- `init`, `seal_migration`: the one-time init, and the change of a running Vault's seal
- `shares`, `journal`: recovery and key shares, and what keeps them while an init runs
- `permissions`: the IAM documents and roles of the principal that runs the program
- `vault`: Vault's pods, HTTP API, configuration and chart values
- `settings`: everything that a stack can set
- `seals`, `custody`: one module per seal, and one per store of Vault's keys
- `aws`, `google`, `azure`, `transit`: one folder per cloud or key service; none imports another
- `kubernetes`, `config`: kubectl and the managed cluster; the reader of settings

Every other module may import `seal_preflight.py`, `stable_provider.py`, `progress.py`, `time_limit.py` and
`errors.py`.
"""
