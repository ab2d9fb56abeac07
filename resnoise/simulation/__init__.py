"""Spiking networks over time: the neuron, the network, and how its images are batched."""
