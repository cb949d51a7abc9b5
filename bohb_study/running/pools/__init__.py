"""Where cells run: processes of this machine, or the tasks of a Ray cluster."""
