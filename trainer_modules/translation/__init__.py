"""What `sequence_to_sequence` is made of."""
