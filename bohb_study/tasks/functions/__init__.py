"""Tasks that are computed by a formula."""
