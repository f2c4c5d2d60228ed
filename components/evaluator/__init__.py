"""Evaluator that leaves its verdict in a form that people and light-weight tools can read."""
