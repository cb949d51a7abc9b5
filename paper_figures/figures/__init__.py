"""The figures, one module each; FIGURE_data computes what FIGURE draws."""
