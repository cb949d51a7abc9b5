"""Files beside the cells: audit, retrained configurations, references, derived frames."""
