"""Says which permissions the program needs."""
