"""Shared foundation of all four parts."""

__version__ = "1.0.0"
