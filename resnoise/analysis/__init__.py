"""Statistics on records: rows, intervals, tests, and what to be careful about. No torch."""
