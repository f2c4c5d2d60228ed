"""Pusher whose versions appear complete or not at all."""
