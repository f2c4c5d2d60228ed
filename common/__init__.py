"""What every package may import: nothing here imports more than the standard library."""
