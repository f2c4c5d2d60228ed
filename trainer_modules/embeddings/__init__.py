"""The parts of word embeddings: pairs of words, networks, held-out likelihood, similarity, debiasing, export."""
