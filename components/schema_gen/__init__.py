"""SchemaGen that takes a number for a number."""
