"""What a script does that knows no pipeline."""
