"""The shop's own books beside the events: its order list, and its advertising spend."""
