"""Errors that a user can fix."""


class UserError(Exception):
    """A mistake that the user can fix; str() is one sentence: what is wrong, where, and what to do."""

    status = 2  # exit status of a script that stops with this error
