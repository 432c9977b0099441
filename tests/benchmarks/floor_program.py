"""The floor of every Pulumi command: the program's providers, one dynamic resource, and nothing else.

The engine starts the same plugins and the same host of dynamic providers for it as for the program.
"""

import gc

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from tests.benchmarks.instant_resource import InstantResource

settings = pulumi.Config("vault-autounseal")
aws.Provider("aws", region=settings.require("region"))
kubernetes.Provider(
    "kubernetes", kubeconfig=settings.require("kubeconfig"), context=settings.require("kubeContext")
)
InstantResource("instant")

# As in the program: a floor that took longer at its end than it must would flatter the program.
gc.freeze()
