"""Errors that a user can cause, each with the exit code of the command that meets it."""

from __future__ import annotations


class UserError(Exception):
    """One clear line for the user: what is wrong, where, and the mend."""

    exit_code = 1


class BadInput(UserError):
    """The data, the configuration or the command line is wrong."""

    exit_code = 2


class GateFailed(UserError):
    """The data or the model did not pass a gate."""

    exit_code = 3
