"""Tasks that users bring: a file, a training function."""
