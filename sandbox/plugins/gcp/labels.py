"""Labels, of which a resource manages its own only.

``labels`` are the program's, ``pulumiLabels`` these with the provider's defaults (of which there are none
here), and ``effectiveLabels`` all that Google has.
"""

from collections.abc import Mapping

from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown


def labels_of(labels: PropertyValue, state: PropertyMap) -> PropertyMap:
    """Return the outputs that follow from labels given by the program: others' labels stay."""
    if isinstance(labels, Unknown):
        return {"pulumiLabels": labels, "effectiveLabels": labels}
    own = dict(labels) if isinstance(labels, dict) else {}
    return {"pulumiLabels": dict(own), "effectiveLabels": effective_labels(own, state)}


def effective_labels(labels: PropertyValue, state: PropertyMap) -> dict[str, PropertyValue]:
    """Return all labels to be set on a resource: the program's, and those that were never its own."""
    recorded, managed = state.get("effectiveLabels"), state.get("pulumiLabels")
    own = labels if isinstance(labels, dict) else {}
    others = {
        name: value
        for name, value in (recorded.items() if isinstance(recorded, dict) else [])
        if not (isinstance(managed, dict) and name in managed)
    }
    return {**others, **own}


def live_labels(live: Mapping[str, str], state: PropertyMap) -> PropertyMap:
    """Return the outputs for the labels in Google, by what the program manages: nothing on import."""

    def among(managed: PropertyValue) -> PropertyValue:
        names = managed if isinstance(managed, dict) else {}
        return {name: live[name] for name in names if name in live}

    labels = state.get("labels")
    return {
        "labels": among(labels),
        "pulumiLabels": among(state.get("pulumiLabels", labels)),
        "effectiveLabels": dict(live),
    }
