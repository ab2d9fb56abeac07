"""One page over all comparisons, and what has to hold of a row that stands on it."""
