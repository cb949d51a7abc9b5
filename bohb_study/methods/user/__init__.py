"""Methods that users bring: a pair of Ray's kind, an optimiser with ask and tell."""
