"""Training of one network: the loop, its checkpoints, and the way back from them."""
