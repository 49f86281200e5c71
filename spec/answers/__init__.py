"""What people ask of any network: does it fit, why not, what would, and what it costs. Each folds over the graph."""
