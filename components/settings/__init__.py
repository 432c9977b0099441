"""The settings of a stack: one typed, frozen object, read and checked before any resource."""

from components.settings.load import load_settings
from components.settings.model import (
    AutoUnsealKeySettings,
    AwsKmsSeal,
    ChartSettings,
    CustodySettings,
    DeadlineSettings,
    ImageSettings,
    IngressSettings,
    InitSettings,
    InjectorSettings,
    RaftSettings,
    RoleSettings,
    Seal,
    Settings,
    ShamirSeal,
    StorageSettings,
)

__all__ = [
    "AutoUnsealKeySettings",
    "AwsKmsSeal",
    "ChartSettings",
    "CustodySettings",
    "DeadlineSettings",
    "ImageSettings",
    "IngressSettings",
    "InitSettings",
    "InjectorSettings",
    "RaftSettings",
    "RoleSettings",
    "Seal",
    "Settings",
    "ShamirSeal",
    "StorageSettings",
    "load_settings",
]
