"""Reads and validates the settings of a stack into one typed, frozen object, before any resource."""

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
from components.settings.server_configuration import ListenerSettings

__all__ = [
    "ChartSettings",
    "ClusterSettings",
    "CustodySettings",
    "DeadlineSettings",
    "ImageSettings",
    "IngressSettings",
    "InitSettings",
    "InjectorSettings",
    "ListenerSettings",
    "Mode",
    "RaftSettings",
    "Settings",
    "StorageSettings",
    "WebhookFirewallSettings",
    "load_settings",
]
