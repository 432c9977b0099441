"""The versions of the tools that the sandbox runs, and how each is recognised and built."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

GO_MODULES = Path(__file__).resolve().parent / "go_modules"

Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[\w.]+)?(\+[\w.]+)?")


class ToolError(SandboxError):
    """A tool is missing, or could not be built or installed."""


@dataclass(frozen=True)
class VersionRange:
    """Which versions of an installed tool will do: ``minimum`` <= version < ``below``."""

    minimum: Version
    below: Version

    def accepts(self, version_output: str) -> bool:
        """Whether the first version in what a tool printed will do.

        Pre-releases and vendors' builds (``v1.32.4-dispatcher``) behave in ways of their
        own, and Vault Enterprise (``+ent``) wants a licence: none of them is accepted.
        """
        found = _VERSION.search(version_output)
        if found is None:
            return False
        major, minor, patch, pre_release, build = found.groups()
        if pre_release is not None or "ent" in (build or "").strip("+").split("."):
            return False
        return self.minimum <= (int(major), int(minor), int(patch)) < self.below


@dataclass(frozen=True)
class ModuleFiles:
    """Executable files that a Go module carries beside its code."""

    module: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class PinnedTool:
    """One program: the version to build, and which installed versions may stand in for it."""

    name: str
    """The program's file name."""
    version: str
    """The version that is built, without a leading ``v``."""
    module: str
    """The folder below ``go_modules`` whose go.mod and go.sum pin everything that is built."""
    package: str
    """The Go package of the program."""
    linker_flags: tuple[str, ...] = ("-s", "-w")
    """Passed to the Go linker; ``-s -w`` leaves debug tables out, which halves Vault's size."""
    tags: tuple[str, ...] = ()
    """Go's build tags; they leave out what the sandbox doesn't use."""
    replacements: tuple[str, ...] = ()
    """Folders below ``go_modules`` with modules of ours that go.mod puts in the place of others."""
    version_arguments: tuple[str, ...] = ()
    """What makes the program print its version; empty where it has no such thing."""
    on_path: VersionRange | None = None
    """Which versions found on PATH will do; None for a program that is always built."""
    companions: tuple[str, ...] = ()
    """Programs that have to be on PATH as well before this one is taken from there."""
    beside: str | None = None
    """The tool whose folder this one is put in, and together with which it is taken from PATH."""
    runs_in_image: bool = False
    """Whether it is put in a container image without shared libraries, so has to be linked statically."""
    files: ModuleFiles | None = None
    """Scripts that belong beside the program."""

    @property
    def module_folder(self) -> Path:
        """Where the tool is built."""
        return GO_MODULES / self.module

    def build_key(self) -> str:
        """Return a short name of everything that decides what is built: the module's files and the flags.

        Go's version is left out on purpose: a newer Go on the machine makes a working
        tool no worse, and building all of them again takes a quarter of an hour.
        """
        digest = hashlib.sha256(repr((self.package, self.linker_flags, self.files, *self.tags)).encode())
        replacing = (file for name in self.replacements for file in (GO_MODULES / name).rglob("*.*"))
        for file in (*sorted(self.module_folder.iterdir()), *sorted(replacing)):
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()[:12]


KUBERNETES = "1.34.4"
"""The version of Kubernetes that is built and run unless another is asked for."""
OLDER_KUBERNETES = "1.30.14"
"""Another version of Kubernetes that can be run, and is built only where it is asked for."""


def _kubernetes_linker_flags(version: str, build_date: str) -> tuple[str, ...]:
    # Kubernetes components take what they are from these variables, which only the linker sets
    # (hack/lib/version.sh of kubernetes/kubernetes); without them they call themselves v0.0.0,
    # which fails the version checks of kubectl, Helm and charts.
    major, minor, _ = version.split(".")
    return (
        "-s",
        "-w",
        *(
            f"-X={package}.{variable}={value}"
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for variable, value in (
                ("gitVersion", f"v{version}"),
                ("gitMajor", major),
                ("gitMinor", minor),
                ("gitTreeState", "clean"),
                ("gitCommit", "unknown"),
                ("buildDate", build_date),
            )
        ),
    )


def _kubernetes(version: str, build_date: str, module: str) -> tuple[PinnedTool, ...]:
    major, minor, _ = (int(part) for part in version.split("."))
    names = (
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubectl",
    )
    return tuple(
        PinnedTool(
            name=name,
            version=version,
            module=module,
            package=f"k8s.io/kubernetes/cmd/{name}",
            linker_flags=_kubernetes_linker_flags(version, build_date),
            tags=("providerless",),
            version_arguments=("version", "--client") if name == "kubectl" else ("--version",),
            on_path=VersionRange((major, minor, 0), (major, minor + 1, 0)),
        )
        for name in names
    )


# In the order in which they are built, two at a time: the longest first, so that neither core is idle at
# the end. The language host is small and comes second: it compiles most of Go's standard library while
# Vault's modules are downloaded, which two large builds would do twice.
PINNED_TOOLS = (
    PinnedTool(
        name="vault",
        version="1.21.2",
        module="vault",
        package=".",
        tags=("minimal",),
        replacements=("go-discover",),
        version_arguments=("version",),
        on_path=VersionRange((1, 21, 2), (1, 21, 3)),
        runs_in_image=True,
    ),
    PinnedTool(
        name="pulumi-language-python",
        # The last version that sdk/v3 carries as a module; later ones are not published by themselves.
        version="3.79.0",
        module="pulumi-language-python",
        package="github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
        # As in Pulumi's own distribution: the engine warns of a language host that it finds on PATH only.
        beside="pulumi",
    ),
    *_kubernetes(KUBERNETES, "2026-02-10T12:53:36Z", "kubernetes"),
    # Not beside the newer one, as both would compile the packages that they have in common.
    PinnedTool(
        name="vault-older",
        version="1.18.1",
        module="vault-older",
        package=".",
        tags=("minimal",),
        replacements=("go-discover",),
        version_arguments=("version",),
        runs_in_image=True,
    ),
    PinnedTool(
        name="pulumi",
        version="3.259.0",
        module="pulumi",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        linker_flags=("-s", "-w", "-X=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0"),
        version_arguments=("version",),
        on_path=VersionRange((3, 259, 0), (4, 0, 0)),
        companions=("pulumi-language-python", "pulumi-resource-pulumi-python"),
        # The engine starts the first for dynamic providers; the language host wants the second beside it.
        files=ModuleFiles(
            "github.com/pulumi/pulumi/sdk/v3",
            ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec"),
        ),
    ),
    # With two of its seventy kinds of store.
    PinnedTool(
        name="rclone",
        version="1.72.0",
        module="rclone",
        package=".",
        linker_flags=("-s", "-w", "-X=github.com/rclone/rclone/fs.Version=v1.72.0"),
        version_arguments=("version",),
        on_path=VersionRange((1, 72, 0), (1, 73, 0)),
        runs_in_image=True,
    ),
    PinnedTool(
        name="helm",
        version="3.18.6",
        module="helm",
        package="helm.sh/helm/v3/cmd/helm",
        linker_flags=("-s", "-w", "-X=helm.sh/helm/v3/internal/version.version=v3.18.6"),
        version_arguments=("version", "--short"),
        on_path=VersionRange((3, 12, 0), (4, 0, 0)),
    ),
    PinnedTool(
        name="vault-k8s",
        version="1.6.2",
        module="vault-k8s",
        package="github.com/hashicorp/vault-k8s",
        linker_flags=("-s", "-w", "-X=github.com/hashicorp/vault-k8s/version.Version=1.6.2"),
        version_arguments=("version",),
        on_path=VersionRange((1, 6, 2), (1, 6, 3)),
        runs_in_image=True,
    ),
    PinnedTool(
        name="coredns",
        version="1.11.3",
        module="coredns",
        package=".",
        version_arguments=("-version",),
        on_path=VersionRange((1, 11, 0), (1, 12, 0)),
    ),
    # Evaluates the alarms in tests, with Prometheus' engine alone. promtool brings the clients along by which
    # it discovers services in every cloud: 325 to 350 s of processor time to build it, and not 18 s. It also
    # reads no recorded texts, only series in a notation of its own.
    PinnedTool(
        name="promql",
        version="0.305.1",
        module="promql",
        package=".",
        version_arguments=("--version",),
    ),
    PinnedTool(
        name="pause",
        version="3.9",
        module="pause",
        package=".",
        runs_in_image=True,
    ),
)

OLDER_KUBERNETES_TOOLS = _kubernetes(OLDER_KUBERNETES, "2025-06-18T19:07:32Z", "kubernetes-1.30")


def pinned_tools(kubernetes: str = KUBERNETES) -> tuple[PinnedTool, ...]:
    """Return what the sandbox needs with a version of Kubernetes, in the order of the builds."""
    if kubernetes == KUBERNETES:
        return PINNED_TOOLS
    older = {tool.name: tool for tool in OLDER_KUBERNETES_TOOLS}
    return tuple(older.get(tool.name, tool) for tool in PINNED_TOOLS)
