"""SQL of each warehouse other than selects: types, schemas and loading, with one class per engine.

WAREHOUSES lists the choices of --print_sql. Nothing heavy is imported here, because transform.py --help needs it.
"""

from collections.abc import Iterator, Sequence

from event_data.statements import SCHEMAS
from transformation.engines.dialects import quoted, translate

LONGEST_LIST = 500  # rows per insert, and files per load; Snowflake accepts at most 1,000 files


class Warehouse:
    """An engine's SQL other than selects; each method is named after what it creates."""

    text = "string"
    integer = "bigint"
    quote = "`"
    place = "/path/to/the/files"  # default of --location; "" is --data_dir itself
    landed = "bronze.landed_{}"
    path = "_path"  # SQL for the file of a record
    row: str | None = None  # SQL for its number in the file; None if the engine keeps no order

    def __init__(self, engine: str, location: str | None = None) -> None:
        self.engine = engine
        self.location = (location or self.place).rstrip("/")

    def name(self, column: str) -> str:
        return self.quote + column.replace(self.quote, 2 * self.quote) + self.quote

    def literal(self, text: str | None) -> str:
        return quoted(text, self.engine)

    def schemas(self) -> Iterator[str]:
        """Yield statements that create the schemas, and anything in them that a select needs."""
        yield from (f"create schema if not exists {schema}" for schema in SCHEMAS)

    def stage(self) -> Iterator[str]:
        """Yield statements that create the place to upload the files to, if the script creates it."""
        yield from ()

    def empty_table(self, name: str, columns: str) -> Iterator[str]:
        yield f"create or replace table {name} ({columns})"

    def create(self, kind: str, name: str, select: str) -> Iterator[str]:
        yield f"create or replace {kind} {name} as\n{translate(select, self.engine)}"

    def load(self, landed: str, columns: Sequence[str], files: Sequence[str], delimiter: str) -> Iterator[str]:
        """Yield statements that load CSV files with these columns, as text, into `landed`."""
        raise NotImplementedError

    def unload(self, landed: str) -> str:
        return f"drop table if exists {landed}"

    def _columns(self, columns: Sequence[str]) -> str:
        return ", ".join(f"{self.name(column)} {self.text}" for column in columns)


class Snowflake(Warehouse):
    text, quote, place = "varchar", '"', "@bronze.landing"
    row = "row_number() over (partition by _path order by _row nulls first)"  # _row may or may not count the header

    def stage(self) -> Iterator[str]:
        if self.location == self.place:
            yield (
                "-- Fill it first: put 'file:///folder/events_*.csv' @bronze.landing auto_compress = false\n"
                "create stage if not exists bronze.landing"
            )

    def load(self, landed: str, columns: Sequence[str], files: Sequence[str], delimiter: str) -> Iterator[str]:
        yield f"create or replace table {landed} (_path varchar, _row bigint, {self._columns(columns)})"
        numbers = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        for start in range(0, len(files), LONGEST_LIST):
            names = ", ".join(map(self.literal, files[start : start + LONGEST_LIST]))
            yield (
                f"copy into {landed}\n"
                f"from (select metadata$filename, metadata$file_row_number, {numbers} from {self.location})\n"
                f"files = ({names})\n"
                f"file_format = (type = csv field_delimiter = {self.literal(delimiter)} skip_header = 1 "
                "field_optionally_enclosed_by = '\"' escape_unenclosed_field = none null_if = ())"
            )


class BigQuery(Warehouse):
    integer, place, path = "int64", "gs://BUCKET", "_FILE_NAME"

    def load(self, landed: str, columns: Sequence[str], files: Sequence[str], delimiter: str) -> Iterator[str]:
        uris = ", ".join(self.literal(f"{self.location}/{file}") for file in files)
        yield (
            f"create or replace external table {landed} ({self._columns(columns)})\n"
            f"options (\n    format = 'CSV', field_delimiter = {self.literal(delimiter)}, skip_leading_rows = 1, "
            f"quote = '\"', allow_quoted_newlines = true,\n    uris = [{uris}]\n)"
        )

    def unload(self, landed: str) -> str:
        return f"drop external table if exists {landed}"


class Spark(Warehouse):
    place, landed = "", "landed_{}"
    storage = " using parquet"

    def empty_table(self, name: str, columns: str) -> Iterator[str]:
        yield f"drop table if exists {name}"
        yield f"create table {name} ({columns}){self.storage}"

    def create(self, kind: str, name: str, select: str) -> Iterator[str]:
        if kind == "view":
            yield from super().create(kind, name, select)
        else:
            yield f"drop table if exists {name}"
            yield f"create table {name}{self.storage} as\n{translate(select, self.engine)}"

    def load(self, landed: str, columns: Sequence[str], files: Sequence[str], delimiter: str) -> Iterator[str]:
        yield (
            f"create or replace temporary view {landed}_csv ({self._columns(columns)})\nusing csv\n"
            f"options (\n    path {self._glob(files)},\n    header 'true', multiLine 'true', quote '\"', escape '\"', "
            f"sep {self.literal(delimiter)}, mode 'FAILFAST'\n)"
        )
        path = "url_decode(replace(input_file_name(), '+', '%2B'))"
        yield f"create or replace temporary view {landed} as select {path} as _path, * from {landed}_csv"

    def unload(self, landed: str) -> str:
        return f"drop view if exists {landed}"

    def _glob(self, files: Sequence[str]) -> str:
        return self.literal(f"{self.location}/{{{','.join(files)}}}")


class Databricks(Spark):
    place = "/Volumes/main/bronze/landing"
    empty_table, create = Warehouse.empty_table, Warehouse.create

    def load(self, landed: str, columns: Sequence[str], files: Sequence[str], delimiter: str) -> Iterator[str]:
        yield (
            f"create or replace temporary view {landed} as\n"
            f"select _metadata.file_name as _path, {', '.join(map(self.name, columns))}\n"
            f"from read_files(\n    {self._glob(files)},\n    format => 'csv', "
            f"schema => {self.literal(self._columns(columns))},\n    header => true, multiLine => true, quote => '\"', "
            f"escape => '\"', sep => {self.literal(delimiter)}, mode => 'FAILFAST'\n)"
        )


# sqlglot's name of the engine -> its class, in the order of --help.
WAREHOUSES: dict[str, type[Warehouse]] = {
    "spark": Spark, "databricks": Databricks, "snowflake": Snowflake, "bigquery": BigQuery,
}  # fmt: skip
