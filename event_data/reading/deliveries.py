"""Survey the files of a folder, and distinguish parts of a day from second deliveries of it.

File names are not enough for that; the records decide.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from glob import escape
from itertools import groupby
from pathlib import Path

import duckdb

from event_data.contract.model import Contract, is_dated
from event_data.reading.day_file import DayFile, ReadingError
from event_data.reading.folder import Unread
from event_data.reading.survey import recover, survey
from event_data.sql import literal

SHARE = 0.5  # a second delivery shares at least this share of the smaller file's records (a design choice)
# Each line is read as one column, because no CSV text contains this delimiter.
LINES = """
    select list_extract({ids}, cast(file_index as bigint) + 1) as file_id, hash(rtrim(line, chr(13))) as line_hash
    from read_csv(
        [{paths}], columns = {{'line': 'varchar'}}, header = false, auto_detect = false, delim = '\x01\x02', quote = '',
        escape = '', compression = 'none', max_line_size = 8000000, strict_mode = false,
        ignore_errors = true
    )
    where line <> ''"""
IDENTICAL = """
    with counted as (
        select file_id, line_hash, count(*) as lines
        from ({lines})
        group by file_id, line_hash
    )

    select one.file_id, other.file_id, cast(sum(one.lines) as bigint)
    from counted as one
    inner join counted as other on one.line_hash = other.line_hash
    group by one.file_id, other.file_id"""


def survey_days(
    files: Sequence[DayFile], contract: Contract, work_dir: Path, aside: list[Unread], with_hash: bool = False
) -> Iterator[DayFile]:
    """Survey the files of a folder and yield those that count; add second deliveries to `aside`, with the reason.

    Of two deliveries, the one with the contract's exact name counts, or else the newer one. Days with several files
    come first; their damaged files are recovered. The other files follow, largest first, so that all cores finish at
    about the same time. After the last file, raise ReadingError if the contract does not fit the files.
    """
    on_day = Counter(file.day for file in files)
    several = [file for file in files if on_day[file.day] > 1]
    surveyed = set_aside(several, contract, work_dir, aside, with_hash)
    second = {unread.name for unread in aside if unread.counts_instead}
    yield from (file for file in surveyed if file.name not in second)
    for file in sorted((f for f in files if on_day[f.day] == 1), key=lambda f: -f.size):
        surveyed.append(survey(file, contract.delimiter, work_dir, with_hash, contract.header_names))
        yield surveyed[-1]
    check_fit(surveyed, contract)


def set_aside(
    files: Sequence[DayFile], contract: Contract, work_dir: Path, aside: list[Unread], with_hash: bool = False
) -> list[DayFile]:
    """Survey the files of days with several files; add second deliveries to `aside`, and return all files."""
    surveyed: list[DayFile] = []
    for _, same_day in groupby(files, key=lambda f: f.day):
        names = contract.header_names
        looked_at = (survey(file, contract.delimiter, work_dir, with_hash, names) for file in same_day)
        recovered = [recover(file, work_dir) if file.damaged else file for file in looked_at]
        same = _identical_lines([file for file in recovered if file.readable])
        aside += [
            second_delivery(file, first, same) for file, first in second_deliveries(recovered, same, contract.file_name)
        ]
        surveyed += recovered
    return surveyed


def second_delivery(file: DayFile, first: DayFile, same: Mapping[tuple[int, int], int]) -> Unread:
    """Return the entry for a file that is set aside because another file of the same day counts.

    `same` is the number of identical lines for each pair of file_ids.
    """
    reason = f"it is a second delivery of {file.day}; {first.name} counts"
    rows = same.get((file.file_id, file.file_id), 0)
    only_here = rows - same.get((file.file_id, first.file_id), 0)
    return Unread(file.name, reason, file.size, file.stamp, file.day, first.name, rows, only_here)


def check_fit(files: Sequence[DayFile], contract: Contract) -> None:
    """Raise ReadingError if no file has half of the contract's columns or two of the three required ones."""
    needed = {contract.roles[role] for role in ("client", "time", "event")}
    files = [file for file in files if file.header]
    described = [column.name for column in contract.columns if column.name not in contract.derived]
    best = max((contract.columns_in(f.header) for f in files), key=len, default={})
    if files and 2 * len(best.keys() & set(described)) < len(described) and len(needed & best.keys()) < 2:
        header = [name for name in files[0].header if name not in contract.derived]
        shown = ", ".join(header[:8]) + ", ..." * (len(header) > 8)
        raise ReadingError(
            f"{contract.path} describes other files: of its {len(described)} columns the files here have "
            f"{len(best.keys() & set(described))}; {files[0].path} has {shown}. Name the right contract with "
            "--contract, or draft one with validate_dataframework.py --init."
        )


def second_deliveries(
    files: Sequence[DayFile], same: Mapping[tuple[int, int], int], file_name: str
) -> Iterator[tuple[DayFile, DayFile]]:
    """Yield each second delivery among the files of a day, with the file that counts instead.

    `same` is the number of identical lines for each pair of file_ids; a file paired with itself gives all its lines.
    `file_name` is the contract's pattern. Without a date in it, files hold many days, of which the first and the last
    may be cut off: then the delivery with the most records counts.
    """
    newest_first = sorted(files, key=lambda f: int(f.stamp.partition("-")[0] or 0), reverse=True)
    if is_dated(file_name):
        best_first = sorted(newest_first, key=lambda f: f.name != f.day.strftime(file_name))
    else:
        best_first = sorted(newest_first, key=lambda f: -f.rows)
    counting: list[DayFile] = []
    for file in best_first:
        for first in counting:
            small, large = sorted((file.file_id, first.file_id), key=lambda n: same.get((n, n), 0))
            if same.get((small, large), 0) >= max(1, SHARE * same.get((small, small), 0)):
                yield file, first
                break
        else:
            counting.append(file)


def _identical_lines(files: Sequence[DayFile]) -> dict[tuple[int, int], int]:
    """Return the number of identical lines below the header for each pair of file_ids, including a file with itself."""
    if len(files) < 2:
        return {}
    paths = ", ".join(literal(escape(str(f.readable))) for f in files)
    lines = LINES.format(ids=[f.file_id for f in files], paths=paths)
    with duckdb.connect() as connection:
        pairs = connection.execute(IDENTICAL.format(lines=lines)).fetchall()
    headers = {f.file_id: f.header for f in files}
    return {(one, other): same - (headers[one] == headers[other]) for one, other, same in pairs}
