"""What the stack tells the person who deployed it."""

from components.settings import Settings
from components.vault_release import VaultRelease


def user_interface(settings: Settings, release: VaultRelease) -> str:
    """How to reach the web interface."""
    if not settings.ui:
        return "off (setting ui)"
    if settings.ingress is not None:
        scheme = "https" if settings.ingress.tls_secret else "http"
        return f"{scheme}://{settings.ingress.host}/ui"
    target = release.access.target
    kubeconfig = f" --kubeconfig {settings.kubeconfig}" if settings.kubeconfig else ""
    context = f" --context {target.context}" if settings.kube_context else ""
    # One pod alone has no Service of its own for the active one.
    service = f"{release.fullname}-active" if settings.mode == "ha" else release.fullname
    return (
        f"kubectl{kubeconfig}{context} --namespace {target.namespace} port-forward "
        f"service/{service} 8200:8200, then http://127.0.0.1:8200/ui"
    )
