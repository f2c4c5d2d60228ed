"""A model on data that it never saw: which model, which data, the pipeline of nodes that judges it, and its verdict."""
