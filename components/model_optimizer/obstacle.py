"""Why a form cannot be made or measured."""


class Obstacle(Exception):
    """The reason, in one line for the summary."""
