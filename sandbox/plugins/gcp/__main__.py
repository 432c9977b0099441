"""``python -m sandbox.plugins.gcp <version> <engine address>``: the plugin's process."""

import sys

from sandbox.plugins.protocol_import import skip_pulumi_sdk

skip_pulumi_sdk()

from sandbox.plugins.engine_protocol import serve  # noqa: E402 - the SDK has to be skipped first
from sandbox.plugins.gcp.provider import GcpProvider  # noqa: E402

serve(GcpProvider(), version=sys.argv[1], engine_address=sys.argv[-1])
