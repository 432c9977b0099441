"""The addresses of the sandbox: one bridge with pods on it, from which nothing else can be reached."""

REGION = "ap-northeast-2"
BRIDGE_DEVICE = "vaultsbx0"
BRIDGE_ADDRESS = "10.244.0.1"
BRIDGE_HARDWARE_ADDRESS = "02:00:0a:f4:00:01"
"""Locally administered, with the IPv4 address in it."""
POD_CIDR = "10.244.0.0/24"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
ROUTING_TABLE = 244
API_SERVER_PORT = 6443
API_SERVER_URL = f"https://{BRIDGE_ADDRESS}:{API_SERVER_PORT}"
AWS_LOOPBACK_PORT = 14566
AWS_BRIDGE_PORT = 443
POD_IDENTITY_WEBHOOK_PORT = 9443
