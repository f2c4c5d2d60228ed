"""The parts of the sequence tagger."""
