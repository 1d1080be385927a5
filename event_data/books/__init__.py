"""The shop's own books beside the events: its order list, and which of its orders were tracked."""
