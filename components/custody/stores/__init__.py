"""One module a store, named as the setting `custody.store` names it, with its class as ``Store``."""
