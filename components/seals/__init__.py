"""The seals. Each is one module with a class ``Seal``; see `seal.py` for what it has to do."""
