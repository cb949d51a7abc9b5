"""Tasks that train neural networks in PyTorch, on scikit-learn's digits or on images."""
