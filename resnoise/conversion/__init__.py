"""From a module with ReLUs to a spiking network: prepare, fold, convert, export."""
