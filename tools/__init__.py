"""Set-up: makes .venv from the lock with nothing but the standard library."""
