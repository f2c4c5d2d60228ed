"""TensorFlow Lite forms of a blessed model, each measured against it before it may be pushed."""
