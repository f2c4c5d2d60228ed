"""The parts of a language model: networks, windows of text, likelihood, sampling, generation, export."""
