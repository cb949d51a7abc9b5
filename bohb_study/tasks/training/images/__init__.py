"""Training networks on images: where the data are, how they are split, and the training itself."""
