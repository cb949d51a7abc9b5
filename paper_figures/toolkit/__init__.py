"""What all figures are drawn with: style, scales, labels, legends, grids, files."""
