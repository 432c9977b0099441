"""Where root token and shares go after the init, and what is kept of them."""
