"""How a study is run: which cells are left, in which processes, and how far they are."""
