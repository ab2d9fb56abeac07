"""What a machine gives: its precision, its speed, and whether it computes what it should."""
