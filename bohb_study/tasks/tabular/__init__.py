"""Tasks that look up what others measured."""
