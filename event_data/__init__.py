"""The foundation that all four parts share."""

__version__ = "1.0.0"
