"""BOHB with one thing changed, for studies of BOHB itself: one module for each variant."""
