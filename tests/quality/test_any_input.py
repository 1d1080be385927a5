"""Any bytes at all, and days damaged anywhere: the command raises nothing, and loses no record."""

import shutil
import tempfile
import warnings
from pathlib import Path

from command_kit import HEADER, day, rows, run, whole_report
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reading_kit import day_file

from event_data.reading.survey import recover, survey

FUZZ = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=16)


def hold(contents: list[bytes], five_days: Path) -> None:
    """Assert that a run over such files and a healthy day raises nothing, and that its records add up."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        data_dir, out_dir, work = (Path(folder, part) for part in ("data", "out", "work"))
        shutil.copytree(five_days, data_dir, ignore=lambda _, names: sorted(names)[1:])
        work.mkdir()
        for number, data in enumerate(contents):
            (data_dir / f"events_2025022{number + 4}.csv").write_bytes(data)
        status, _, stderr = run("--data_dir", data_dir, "--out_dir", out_dir)
        assert status in (0, 3), stderr
        whole_report(out_dir)
        profiled = {row["file"]: int(row["rows"]) + int(row["unreadable"]) for row in rows(out_dir, "dq_profile.csv")}
        for path in data_dir.iterdir():
            surveyed = survey(day_file(path), ",", work)
            assert profiled.pop(path.name) == (recover(surveyed, work).records if surveyed.source else 0)
        assert not profiled


PIECES = [
    b'"', b",", b"\n", b"\r", b"\0", b"\xff", b";", b"''", b'""', b"\xef\xbb\xbf", b"{", b"\\", b"x" * 5000,
    HEADER.encode(),
]  # fmt: skip
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))),
    max_size=8,
)


@FUZZ
@given(st.lists(st.binary(max_size=300) | changes, min_size=1, max_size=5))
@example([b"\xff\xfe,\0\n\0", b"\x1f\x8b\x08\x00", HEADER.encode() + b'\n"', b'"' * 7 + b"\n,,,,,,"])
def test_any_bytes_and_damaged_days(five_days: Path, drawn: list[bytes | list[tuple[float, int, bytes]]]) -> None:
    contents = []
    for number, damage in enumerate(drawn, 1):
        if isinstance(damage, bytes):
            contents.append(damage)
            continue
        data = b"\n".join(day(five_days, number).read_bytes().split(b"\n")[:60])
        for where, gone, new in damage:
            at = int(where * len(data))
            data = data[:at] + new + data[at + gone :]
        contents.append(data)
    hold(contents, five_days)
