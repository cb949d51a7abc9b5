"""The checks of the audit: one module each, functions from evidence to what they found."""
