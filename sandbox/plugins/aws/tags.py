"""Tags as AWS's APIs take and give them, and as Pulumi has them."""

from collections.abc import Iterable, Mapping

from sandbox.plugins.property_values import PropertyMap, PropertyValue


def tags_of(properties: Mapping[str, PropertyValue]) -> dict[str, str]:
    """Return a resource's tags but for those that AWS made itself (``aws:``), which no program gives."""
    tags = properties.get("tags")
    if not isinstance(tags, dict):
        return {}
    return {
        key: value for key, value in tags.items() if isinstance(value, str) and not key.startswith("aws:")
    }


def tag_outputs(tags: Iterable[tuple[str, str]]) -> PropertyMap:
    """Return the outputs ``tags`` and ``tagsAll`` for the tags that AWS tells of."""
    own: dict[str, PropertyValue] = {key: value for key, value in tags if not key.startswith("aws:")}
    return {"tags": dict(own), "tagsAll": own}


def tag_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return which tag keys to remove, and which tags to set."""
    removed = [key for key in old if key not in new]
    return removed, {key: value for key, value in new.items() if old.get(key) != value}
