"""Every way in which a day's file can be wrong, by name: FAULTS["null_client"].apply(path, 0.3, 1).

A fault rewrites the file in place (or removes it, or adds one beside it), changes nothing else, and says what
it broke. The same file, severity and seed give the same bytes. Faults work by the role of a column, so a file
that already has clientId or has lost its referrer will do; what a file does not have cannot be broken, and
then Broken.rows is 0.
"""

import fault_columns  # noqa: F401  (each module registers its faults)
import fault_files  # noqa: F401
import fault_orders  # noqa: F401
import fault_traffic  # noqa: F401

import fault_hidden  # noqa: F401  isort: skip
from fault_kit import FAULTS, Broken, Fault

__all__ = ["FAULTS", "Broken", "Fault"]
