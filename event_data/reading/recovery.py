"""Read damaged files record by record, slowly and carefully; see survey.recover.

A record is what DuckDB reads as one. Clearly valid lines are copied in bulk by one regular expression. At the first
other line, a single record is parsed. If that fails, only its first physical line is rejected, and reading continues
with the next line, so that a damaged quote cannot swallow what follows. A complete record with the wrong number of
fields is rejected as a whole, unless one of its lines is a valid record by itself.
"""

import codecs
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from event_data.reading import working_copy
from event_data.reading.csv_header import with_header
from event_data.reading.csv_record import RECORD_BYTES, TOO_LONG, Parsed, parse, serialised, sound_lines
from event_data.reading.day_file import DayFile, Kind, Problem

BLOCK = 1 << 20  # bytes read at once
MOST_OF_A_KIND = 1_000  # problems of each kind that are listed individually
TEXT_BYTES = 10_000  # of a rejected line that are kept
REPLACED = "\ufffd".encode()
# From Latin-1; the five bytes that Windows-1252 does not define are kept.
WINDOWS_1252 = {
    byte: bytes((byte,)).decode("cp1252") for byte in range(0x80, 0xA0) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


class _SourceError(Exception):
    """An error in reading, as opposed to writing."""


class _Log:
    """Problems with lines: all are counted, and the first ones of each kind are kept."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.whole = list(problems)
        self.lines: list[Problem] = []
        self.seen: Counter[Kind] = Counter()
        self.lost: Counter[Kind] = Counter()

    def file(self, kind: Kind, message: str, line: int | None = None) -> None:
        if (problem := Problem(kind, line, message)) not in self.whole:
            self.whole.append(problem)

    def line(self, kind: Kind, line: int, message: str, lost: int = 0) -> None:
        self.seen[kind] += 1
        self.lost[kind] += lost
        if self.seen[kind] <= MOST_OF_A_KIND:
            self.lines.append(Problem(kind, line, message, lost))

    def problems(self) -> tuple[Problem, ...]:
        more = [
            Problem(kind, None, f"and {count - MOST_OF_A_KIND:,} more", max(self.lost[kind] - MOST_OF_A_KIND, 0))
            for kind, count in self.seen.items()
            if count > MOST_OF_A_KIND
        ]
        return (*self.whole, *sorted(self.lines, key=lambda problem: problem.line or 0), *more)


# ---- bytes -> valid UTF-8 in whole lines


def _raw(file: DayFile, source: Path) -> Iterator[bytes]:
    """Yield blocks of UTF-8 without a byte order mark, with LF or CR LF line endings."""
    decoder = None if file.encoding == "utf-8" else codecs.getincrementaldecoder(file.encoding)("replace")
    first = True
    try:
        with source.open("rb", buffering=0) as stream:
            while True:
                block = stream.read(BLOCK) or b""
                data = decoder.decode(block, final=not block).encode("utf-8", "replace") if decoder else block
                if first and data:
                    first, data = False, _without_mark(data)
                if file.newline == "\r":
                    data = data.replace(b"\r", b"\n")
                yield data
                if not block:
                    return
    except OSError as error:
        raise _SourceError(error) from None


def _without_mark(data: bytes) -> bytes:
    while data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    return data


def _lines(file: DayFile, source: Path, log: _Log) -> Iterator[bytes]:
    """Yield blocks of valid UTF-8 without NUL that end with a line, or within a line that is too long."""
    line, rest = 1, b""
    for block in _raw(file, source):
        data = rest + block
        cut = data.rfind(b"\n") + 1 or (len(data) if len(data) > RECORD_BYTES else 0)
        data, rest = data[:cut], data[cut:]
        if data:
            yield _mended(data, line, file, log)
            line += data.count(b"\n")
    if rest:
        yield _mended(rest, line, file, log)


def _mended(data: bytes, first: int, file: DayFile, log: _Log) -> bytes:
    try:
        if not data.isascii():
            data.decode()
        if b"\0" not in data and (file.encoding == "utf-8" or REPLACED not in data):
            return data
    except UnicodeDecodeError:
        pass
    parts = enumerate(data.split(b"\n"), first)
    return b"\n".join(_mended_line(part, number, file, log) for number, part in parts)


def _mended_line(line: bytes, number: int, file: DayFile, log: _Log) -> bytes:
    if b"\0" in line:
        log.line("nul_byte", number, f"has {line.count(0):,} NUL bytes, which are removed")
        line = line.replace(b"\0", b"")
    try:
        line.decode()
    except UnicodeDecodeError:
        log.line("encoding", number, "is not UTF-8 and is read as Windows-1252")
        return line.decode("latin-1").translate(WINDOWS_1252).encode()
    if file.encoding != "utf-8" and REPLACED in line:
        log.line("encoding", number, f"has characters that are not valid {file.encoding.upper()}")
    return line


# ---- the whole file


def recover(file: DayFile, work_dir: Path) -> DayFile:
    """Read a file record by record; see survey.recover."""
    assert file.source is not None
    target, rejects = (work_dir / f"{file.file_id}.{copy}.csv" for copy in ("clean", "rejects"))
    try:
        with working_copy.create(target) as out, working_copy.create(rejects) as refused:
            file = _Recovery(file, file.source, out, refused).run(target)
        return replace(file, rejects=rejects) if file.rejected else file
    except _SourceError as error:
        assert isinstance(error.args[0], OSError)
        return file.unreadable(error.args[0])


class _Recovery:
    """The state of a recovery: a window over the file, its line number, and the counts."""

    def __init__(self, file: DayFile, source: Path, out: BinaryIO, refused: BinaryIO) -> None:
        self.file, self.out, self.refused, self.log = file, out, refused, _Log(file.problems)
        self.blocks = _lines(file, source, self.log)
        self.data, self.at, self.line, self.ended = b"", 0, 1, False
        self.rows = self.rejected = self.rejected_lines = self.blank = self.pending_blank = 0
        self.kept_lines = 0
        self.multiline = self.mixed = False
        self.shifts: tuple[array[int], array[int]] = (array("q"), array("q"))

    def run(self, target: Path) -> DayFile:
        if not self._header():
            problems = (*self.log.problems(), Problem("empty", None, "has no header"))
            return replace(self.file, problems=problems, readable=None, damaged=False, records=0)
        self.sound_lines = sound_lines(self.mark, self.wanted, self.file.newline)
        while self._fill():
            if self.file.footer and self.line >= self.file.footer:
                self._skip_footer()
            elif not self._copy_lines():
                self._one_record()
        # Every physical line belongs to a row, is rejected, or is blank: nothing is lost silently.
        lines = self.line - 1
        assert lines == self.kept_lines + self.rejected_lines + self.blank + self.pending_blank
        if self.mixed:
            self.log.file("line_ends", "mixes line endings (LF and CR LF)")
        if self.blank:
            self.log.file("blank_lines", f"has {self.blank:,} blank lines, which are skipped")
        if not self.rows + self.rejected:
            self.log.file("no_records", "has a header and no record")
        return replace(
            self.file,
            readable=target,
            records=self.rows + self.rejected,
            rejected=self.rejected,
            regular=not self.shifts[0],
            damaged=False,
            multiline=self.multiline,
            shifts=self.shifts,
            problems=self.log.problems(),
        )

    def _fill(self) -> bool:
        """Read ahead so that the longest possible record fits, or to the end; return False at the end."""
        if not self.ended and len(self.data) - self.at <= RECORD_BYTES + 2:
            parts = [self.data[self.at :]]
            size = len(parts[0])
            while size < 2 * RECORD_BYTES:
                if not (block := next(self.blocks, b"")):
                    self.ended = True
                    break
                parts.append(block)
                size += len(block)
            self.data, self.at = b"".join(parts), 0
        return self.at < len(self.data)

    def _header(self) -> bool:
        while self._fill():
            end = self.data.find(b"\n", self.at) + 1 or len(self.data)
            if self.data[self.at : end].strip():
                break
            self._advance(end)
            self.blank += 1
        else:
            return False
        for _ in range(self.file.skipped):
            self._advance(self.data.find(b"\n", self.at) + 1)
            self.kept_lines += 1  # they are reported as a whole
        end = self.data.find(b"\n", self.at) + 1 or len(self.data)
        self.file, _ = with_header(self.file, self.data[self.at :])
        for problem in self.file.problems:
            self.log.file(problem.kind, problem.message, problem.line)
        self.mark, self.wanted = self.file.delimiter.encode(), len(self.file.header)
        self._advance(end)
        self.kept_lines += 1
        # DuckDB is given the column names; a CR in a quoted name would make it lose every row.
        names = [re.sub(rb"\s", b" ", name.encode()) for name in self.file.header]
        working_copy.write(self.out, serialised(names, self.mark))
        return True

    def _copy_lines(self) -> bool:
        """Copy the next clearly valid lines; return False if there are none."""
        match = self.sound_lines.match(self.data, self.at)
        end = match.end() if match else self.at
        at = self.at
        while end - at > RECORD_BYTES:  # so that no longer line is copied
            if not (cut := self.data.rfind(b"\n", at, at + RECORD_BYTES) + 1):
                end = at
            at = cut or at
        if end == self.at:
            return False
        if self.file.footer and self.line + self.data.count(b"\n", self.at, end) > self.file.footer:
            end = self.at
            for _ in range(self.file.footer - self.line):
                end = self.data.find(b"\n", end) + 1
        lines = self.data[self.at : end]
        if self.file.newline == "\r\n":
            lines = lines.replace(b"\r\n", b"\n")
        count = lines.count(b"\n")
        self._count_rows(count)
        working_copy.write(self.out, lines)
        self.kept_lines += count
        self.at, self.line = end, self.line + count
        return True

    def _one_record(self) -> None:
        limit = min(len(self.data), self.at + RECORD_BYTES)
        end = self.data.find(b"\n", self.at, limit) + 1
        final = self.ended and limit == len(self.data)
        if not end and not final:
            return self._skip_long_line()
        end = end or limit
        if self.wanted > 1 and not self.data[self.at : end].strip(b" \r\n"):
            self._advance(end)
            self.pending_blank += 1  # counted only if a record follows
            return None
        parsed = parse(self.data, self.at, limit, self.mark, self.wanted, final)
        kind, message = parsed.fault, parsed.message
        if not kind:
            record = serialised(parsed.fields, self.mark)
            if len(record) <= RECORD_BYTES:
                return self._keep(record, parsed)
            kind, message = "field_too_long", TOO_LONG
        cut = kind == "unterminated_quote" or (kind == "ragged" and len(parsed.fields) < self.wanted)
        if cut and final and end == len(self.data) and not self.data.endswith(b"\n"):
            kind, message = "truncated", message + ", and the file ends there"
        if kind == "ragged" and parsed.end > end and not self._swallows_records(end, parsed.end):
            end = parsed.end
        first = self.line
        self._reject(kind, message, self.data[self.at : end])
        self._advance(end)
        self.rejected_lines += self.line - first
        return None

    def _keep(self, record: bytes, parsed: Parsed) -> None:
        if parsed.message:
            self.log.line("surplus_empty", self.line, parsed.message)
        self._count_rows(1)
        working_copy.write(self.out, record)
        first = self.line
        self._advance(parsed.end)
        self.kept_lines += self.line - first
        self.multiline = self.multiline or b"\n" in record[:-1]
        ends = self.data[max(parsed.end - 2, 0) : parsed.end]
        self.mixed = self.mixed or (ends[-1:] == b"\n" and (ends == b"\r\n") != (self.file.newline == "\r\n"))

    def _swallows_records(self, start: int, end: int) -> bool:
        """Return whether one of the later lines that a quote joins to a record is valid by itself."""
        lines = self.data[start:end].splitlines(keepends=True)
        return any(
            not (parsed := parse(line, 0, len(line), self.mark, self.wanted)).fault and parsed.end == len(line)
            for line in lines
        )

    def _skip_long_line(self) -> None:
        start = self.data[self.at : self.at + TEXT_BYTES].decode(errors="ignore").encode() + b"..."
        self._reject("field_too_long", f"is longer than {RECORD_BYTES:,} bytes", start)
        while not (end := self.data.find(b"\n", self.at) + 1):
            block = next(self.blocks, b"")
            if not block:
                self.ended = True
                end = len(self.data)
                break
            self.data, self.at = block, 0
        self._advance(end)
        self.rejected_lines += 1

    def _skip_footer(self) -> None:
        """Reject a line of totals at the end of the file."""
        end = self.data.find(b"\n", self.at) + 1 or len(self.data)
        if text := self.data[self.at : end].strip():
            self._reject("footer", "is a total or a count, not a record", text)
            self.rejected_lines += 1
        else:
            self.pending_blank += 1
        self._advance(end)

    def _advance(self, end: int) -> None:
        """Continue at `end`, which follows a line ending or is the end of the file."""
        self.line += self.data.count(b"\n", self.at, end)
        if self.ended and end == len(self.data) and not self.data.endswith(b"\n"):
            self.line += 1
        self.at = end

    def _count_rows(self, count: int) -> None:
        """Count the next `count` rows, which start here, one per line."""
        self._count_blank()
        shift = self.line - (self.rows + 2)
        if shift != (self.shifts[1][-1] if self.shifts[1] else 0):
            self.shifts[0].append(self.rows + 1)
            self.shifts[1].append(shift)
        self.rows += count

    def _reject(self, kind: Kind, message: str, text: bytes) -> None:
        self._count_blank()
        self.log.line(kind, self.line, message, lost=1)
        self.rejected += 1
        working_copy.write(self.refused, serialised([b"%d" % self.line, message.encode(), text.rstrip(b"\r\n")], b","))

    def _count_blank(self) -> None:
        self.blank, self.pending_blank = self.blank + self.pending_blank, 0
