"""Tables of any study: one model, a renderer for each medium, and what a study's tables say."""
