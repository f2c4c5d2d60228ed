"""Side-by-side measurements, each one command, each a ratio measured in the same run."""
