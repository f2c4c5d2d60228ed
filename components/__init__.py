"""TFX components that TFX itself does not have: one folder each."""
