"""From the rows of a cell to its incumbent under a rule, and to curves over cost or time."""
