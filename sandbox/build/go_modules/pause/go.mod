module vault-autounseal/sandbox/pause

go 1.25
