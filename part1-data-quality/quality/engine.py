"""DuckDB, opened for one run."""

import re
from pathlib import Path
from typing import Any

import duckdb

from event_data.reading.day_file import ReadingError


def connect(work_dir: Path, memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """Return an empty database in memory, which puts what does not fit there below `work_dir`.

    Raises ReadingError for a limit that is no size.
    """
    # As a join, the test of a short list is made for every event, also where a `case` spares it.
    config: dict[str, Any] = {"threads": 1, "temp_directory": str(work_dir), "disabled_optimizers": "in_clause"}
    no_size = ReadingError(f"--memory_limit {memory_limit!r} is no size; write it like 512MB.")
    if memory_limit is not None:
        # DuckDB takes an empty or negative size for none at all.
        if not re.fullmatch(r"\d+([.]\d+)? ?\w+", memory_limit):
            raise no_size
        config["memory_limit"] = memory_limit
    try:
        return duckdb.connect(config=config)
    except duckdb.Error:
        raise no_size from None
