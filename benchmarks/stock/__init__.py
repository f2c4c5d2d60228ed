"""The taxi pipeline written the stock way, as the TFX templates do."""
