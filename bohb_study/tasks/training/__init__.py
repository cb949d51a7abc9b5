"""Tasks that train networks."""
