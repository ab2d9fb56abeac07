"""What a trained network is worth: records of its accuracy, cost and fidelity."""
