"""What runs a cell: each engine gives the same rows wherever rows can be the same."""
