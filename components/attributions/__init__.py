"""Which features a model's answers come from, on held-out examples."""
