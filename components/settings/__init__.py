"""The settings of a stack: one typed, frozen object, read and checked before any resource."""

from components.settings.load import load_settings
from components.settings.model import (
    ChartSettings,
    ClusterSettings,
    CustodySettings,
    DeadlineSettings,
    ImageSettings,
    IngressSettings,
    InitSettings,
    InjectorSettings,
    Mode,
    RaftSettings,
    Settings,
    StorageSettings,
    WebhookFirewallSettings,
)

__all__ = [
    "ChartSettings",
    "ClusterSettings",
    "CustodySettings",
    "DeadlineSettings",
    "ImageSettings",
    "IngressSettings",
    "InitSettings",
    "InjectorSettings",
    "Mode",
    "RaftSettings",
    "Settings",
    "StorageSettings",
    "WebhookFirewallSettings",
    "load_settings",
]
