"""The errors that a user can mend."""


class UserError(Exception):
    """A mistake that the user can mend; str() is one sentence: what is wrong, where, and what to do."""

    status = 2  # the exit status of a script that stops with it
