"""Pairs of words that stand near each other, made of the transformed texts by Beam."""
