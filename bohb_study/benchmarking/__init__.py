"""What an engine costs: CPU time and memory of single cells, each in a fresh process."""
