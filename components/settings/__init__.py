"""Reads and validates the settings of a stack into one typed, frozen object, before any resource."""

from components.settings.cloud import ClusterSettings, WebhookFirewallSettings
from components.settings.images import ImageSettings
from components.settings.injector import InjectorSettings
from components.settings.load import load_settings
from components.settings.model import (
    ChartSettings,
    CustodySettings,
    DeadlineSettings,
    IngressSettings,
    InitSettings,
    Mode,
    RaftSettings,
    Settings,
    StorageSettings,
)
from components.settings.pods import PodSettings
from components.settings.server_configuration import ListenerSettings
from components.settings.tls import TlsSettings

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
    "PodSettings",
    "RaftSettings",
    "Settings",
    "StorageSettings",
    "TlsSettings",
    "WebhookFirewallSettings",
    "load_settings",
]
