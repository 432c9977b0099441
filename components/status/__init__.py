"""Shows how a stack's Vault is, and what to do about each thing that needs somebody's attention."""
