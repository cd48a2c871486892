"""PyTorch mirror of Kinora's native model: the parity reference and the first trainer."""
