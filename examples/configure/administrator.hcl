# Everything that configures Vault, and every secret; not the keys, the seal, raw storage or the audit devices.
path "auth/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "identity/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/auth/*" { capabilities = ["create", "read", "update", "delete", "sudo"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/*" { capabilities = ["create", "read", "update", "delete"] }
path "sys/policies/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/capabilities" { capabilities = ["update"] }
path "sys/leases/*" { capabilities = ["create", "read", "update", "list", "sudo"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/storage/raft/autopilot/state" { capabilities = ["read"] }
