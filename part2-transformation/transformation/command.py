"""The command of part 2: build the warehouse, test the SQL or print it, and report the result."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from event_data.cli import CONTRACT, Terminal
from event_data.contract import Contract, load_contract
from event_data.ledger import applies, currency_of
from event_data.output import FORMULA, count, paragraph, table, write_atomically
from event_data.reading.folder import find_book_files
from event_data.shop_roles import ShopRoles
from event_data.sql import literal
from event_data.warehouse_file import open_warehouse
from transformation.books import list_books
from transformation.build import Settings, fingerprint, refresh
from transformation.engines import spark
from transformation.engines.printed_script import script, suite_script
from transformation.engines.spark_session import SparkError
from transformation.placeholders import in_utc
from transformation.published import Ledger, Run
from transformation.suite import outcome_lines, read_suite, run_suite


def execute(options: argparse.Namespace, terminal: Terminal) -> int:
    """Run what the options ask for and return the exit status."""
    made_by_spark = bool(options.warehouse) and (options.warehouse / spark.CATALOG).is_file()
    options.engine = options.engine or ("spark" if made_by_spark else "duckdb")
    if isinstance(options.data_dir, str) and not (options.engine == "spark" and options.warehouse):
        raise SparkError(f"{options.data_dir} needs --engine spark, and a folder for --warehouse.")
    if options.print_sql:
        return print_sql(options, terminal)
    return validate(options, terminal) if options.validate else transform(options, terminal)


def transform(options: argparse.Namespace, terminal: Terminal) -> int:
    """Bring the warehouse up to date, and print its ledger."""
    settings = settings_of(options, options.contract)
    if options.engine == "spark":
        run, warehouse = spark.refresh(settings, terminal.note, terminal.progress), settings.warehouse / spark.CATALOG
    else:
        run, warehouse = refresh(settings, terminal.note, terminal.progress), settings.warehouse
    terminal.progress("")
    exported = export(warehouse, options.export) if options.export else []
    contract, width = settings.contract, terminal.width
    reasons = critical(run, contract)

    def text() -> str:
        lines = [*summary(run, warehouse, contract, width), *order_list_lines(run, contract, width)]
        lines += spend_lines(run, contract, width)
        return "\n".join([*lines, *[f"exported: {len(exported)} files to {options.export}"] * bool(exported)])

    terminal.report(text, lambda: as_document(run, warehouse, exported, reasons))
    if reasons:
        tables = " and ".join(tables_of_refused(run))
        terminal.error(f"transform.py: published, but {' and '.join(reasons)}; see {tables}.")
    return 3 if reasons else 0


def as_document(run: Run, warehouse: Path, exported: Sequence[Path], reasons: Sequence[str]) -> dict[str, Any]:
    """Return what a run did, and its ledgers, for programs."""
    of_list = ("line", "tracked", "tracked_amount", "booked", "booked_amount")
    return {
        "warehouse": str(warehouse),
        "how": run.how,
        "files": len(run.files),
        "first_day": run.files[0].day if run.files else None,
        "last_day": run.files[-1].day if run.files else None,
        "records": run.records,
        "unreadable_records": run.unreadable,
        **{how: getattr(run, how) for how in ("new", "changed", "removed", "refused")},
        "unread": {one.name: one.reason for one in run.unread},
        "ledger": [dict(zip(("line", "orders", "amount"), row, strict=True)) for row in run.ledger],
        "order_list_ledger": [dict(zip(of_list, row, strict=True)) for row in run.books.order_list_ledger],
        "ad_spend": asdict(run.books.spend) if run.books.spend else None,
        "exported": [str(path) for path in exported],
        "critical": list(reasons),
    }


def critical(run: Run, contract: Contract) -> list[str]:
    """Return the reasons for exit status 3 although the warehouse is published, as clauses.

    A reason is a refused file, or more refused orders or gross revenue than the contract tolerates.
    """
    reasons = [f"{name} could not be read (it {why})" for name, why in run.refused.items()]
    refused = refused_lines(run)
    orders, amount = -sum(row[1] for row in refused), -sum((row[2] for row in refused), Decimal(0))
    gross = next((row for row in run.ledger if row[0] == "gross"), ("gross", 0, Decimal(0)))
    if orders > contract.most_refused * gross[1] or amount > Decimal(contract.most_refused) * gross[2]:
        exact = contract.currency.exact
        noun = "order lines" if has_order_lines(contract) else "orders"
        money = f", {exact(amount)} of {exact(gross[2])}," if amount else ""
        by_reason = ", ".join(
            f"{-count:,} {line}" + (f" ({exact(-value)})" if value else "") for line, count, value in refused
        )
        reasons.append(f"{orders:,} of {gross[1]:,} {noun}{money} are not counted: {by_reason}")
    return reasons


def refused_lines(run: Run) -> Ledger:
    """Return the lines of the ledger with orders that could not be used."""
    return [row for row in run.ledger if row[0].startswith(("rejected: ", "quarantined: ")) and row[1]]


def tables_of_refused(run: Run) -> list[str]:
    """Return the tables that list the refused files and orders of a run."""
    lines, books = [line for line, *_ in refused_lines(run)], {name for name, *_ in run.books.files}
    tables = {
        "silver.files": not run.refused.keys() <= books,
        "bronze.book_files": not run.refused.keys().isdisjoint(books),
        "silver.rejected_events": any(line.startswith("rejected: ") for line in lines),
        "silver.received_orders": any(line.startswith("quarantined: ") for line in lines),
    }
    return [table for table, is_named in tables.items() if is_named]


def has_order_lines(contract: Contract) -> bool:
    """Return whether a row is a line of an order."""
    return contract.order is not None and bool(contract.order.key)


def settings_of(options: argparse.Namespace, contract: Path) -> Settings:
    """Return the build settings for these options and this contract."""
    loaded, name = load_contract(contract), "warehouse.duckdb"
    if options.engine == "spark":
        loaded, name = in_utc(loaded), "warehouse_spark"
    return Settings(
        options.data_dir, options.warehouse or options.data_dir / name, loaded, fingerprint(contract),
        options.full_refresh, options.memory_limit, options.master, options.remote,
    )  # fmt: skip


def summary(run: Run, warehouse: Path, contract: Contract, width: int) -> list[str]:
    """Return lines that report what a run did, and its ledger."""
    days = f"{run.files[0].day} to {run.files[-1].day}" if run.files else ""
    unit = contract.unit_of_files
    what = {
        "unchanged": "nothing changed",
        "full": f"rebuilt from {count(len(run.files), unit)}",
        "incremental": ", ".join(
            f"{count(len(names), unit)} {word}"
            for word, names in (("new", run.new), ("changed", run.changed), ("removed", run.removed))
            if names
        )
        or "updated",
    }[run.how]
    lines = [paragraph(f"{warehouse.name}: {what}; {count(run.records, 'record')}, {days}.", width)]
    if run.unreadable:
        lines.append(f"{count(run.unreadable, 'record')} could not be read; see silver.rejected_events.")
    lines += [paragraph(f"{name} could not be read: it {why}.", width) for name, why in run.refused.items()]
    lines += [paragraph(f"{one.name} is not read: {one.reason}.", width) for one in run.unread]
    lines += [
        paragraph(f"{name} has no column {missing}, which the contract names.", width)
        for name, missing in run.books.missing_columns.items()
    ]
    roles = ShopRoles.of(contract)
    columns = 3 if roles.has_amount else 2
    rows = [
        (line, f"{orders:,}", currency_of(line, contract.currency).exact(amount))[:columns]
        for line, orders, amount in run.ledger
        if applies(line, orders, roles)
    ]
    lines += ["", *table(("ledger", "orders", "amount")[:columns], rows, width, right=(1, 2)[: columns - 1])]
    if has_order_lines(contract):
        lines += ["", paragraph("Each row is an order line: above `counted`, the ledger counts order lines.", width)]
    return lines


def order_list_lines(run: Run, contract: Contract, width: int) -> list[str]:
    """Return lines that compare the tracked orders with the shop's order list; none without one."""
    if contract.order_list and not run.books.order_list_ledger:
        name = contract.order_list.file_name
        text = f"The tracked orders are not compared with the shop's: there is no order list like {name}."
        return ["", paragraph(text, width)]
    exact = contract.currency.exact

    def cells(orders: int, amount: Decimal) -> tuple[str, str]:
        return (f"{orders:,}", exact(amount)) if orders or amount else ("", "")

    rows = [
        (line, *cells(tracked, tracked_amount), *cells(booked, booked_amount))
        for line, tracked, tracked_amount, booked, booked_amount in run.books.order_list_ledger
        if line != "difference"
    ]
    heading = ("order list", "tracked", "amount", "booked", "amount")
    return ["", *table(heading, rows, width, right=(1, 2, 3, 4))] if rows else []


def spend_lines(run: Run, contract: Contract, width: int) -> list[str]:
    """Return lines that sum up the advertising spend; none if the contract does not describe it."""
    if not contract.ad_spend:
        return []
    spend = run.books.spend
    if spend is None:
        names = " or ".join(book.file_name for book in contract.ad_spend)
        text = f"Advertising spend is not measured: there is no file like {names}."
        return ["", paragraph(text, width)]
    exact = contract.currency.exact
    texts = [f"Advertising spend: {exact(spend.cost)} on {count(spend.days, 'day')}."]
    if spend.outside:
        text = f"{exact(spend.outside)} of it is on days without event files, and is not in gold.channel_returns."
        texts.append(text)
    if spend.others:
        amounts = " and ".join(f"{currency} {cost:,.2f}" for currency, cost in spend.others)
        texts.append(f"Spend in other currencies is not included: {amounts}.")
    if spend.refused:
        number = sum(records for _, records in spend.refused)
        reasons = ", ".join(f"{records:,} {reason}" for reason, records in spend.refused)
        texts.append(f"{count(number, 'record')} cannot be used ({reasons}); see silver.refused_ad_spend.")
    return ["", *(paragraph(text, width) for text in texts)]


def export(warehouse: Path, folder: Path) -> list[Path]:
    """Write each gold table as Parquet and CSV, each file in one step."""

    def copy(rows: str, how: str, path: Path) -> None:
        connection.execute(f"copy ({rows}) to {literal(str(path))} ({how})")

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with open_warehouse(warehouse) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'gold' order by table_name"
        ).fetchall()
        for (name,) in tables:
            for ending, rows, how in (
                (".parquet", f"from gold.{name} order by all", "format parquet"),
                (".csv", _without_formulas(connection, name), "format csv, header"),
            ):
                written.append(write_atomically(folder / f"{name}{ending}", partial(copy, rows, how)))
    return written


def _without_formulas(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return a select of a gold table in which no text can run as a spreadsheet formula (see spreadsheet_safe)."""
    columns = connection.execute(f"describe gold.{name}").fetchall()
    texts = [column for column, kind, *_ in columns if kind == "VARCHAR"]
    safe = ", ".join(f"regexp_replace({text}, '^[{FORMULA}]', '''\\0') as {text}" for text in texts)
    return f"select *{f' replace ({safe})' if texts else ''} from (from gold.{name} order by all)"


def validate(options: argparse.Namespace, terminal: Terminal) -> int:
    """Run the SQL test suite; its rows follow this repository's contract, whatever --contract is."""
    contract = load_contract(CONTRACT)
    if options.engine == "spark":
        outcomes = spark.run_suite(read_suite(contract, portable=True), settings_of(options, CONTRACT))
    else:
        outcomes = run_suite(contract, read_suite(contract))
    terminal.report(
        lambda: "\n".join(outcome_lines(outcomes, terminal.width)),
        lambda: [asdict(one) | {"passed": one.passed} for one in outcomes],
    )
    return 0 if outcomes and all(o.passed for o in outcomes) else 3


def print_sql(options: argparse.Namespace, terminal: Terminal) -> int:
    """Print the whole transformation or its test suite as a script for another engine."""
    if options.validate:
        text = suite_script(options.print_sql, load_contract(CONTRACT))
    else:
        contract = in_utc(load_contract(options.contract))
        text = script(options.print_sql, options.data_dir, contract, options.location, options.export)
        if list_books(partial(find_book_files, options.data_dir), contract):
            of_what = f"in {options.export}" if options.export else "that --export DIR writes"
            terminal.note(f"the script also loads the files bronze_*.csv {of_what}; put them beside the event files")
    terminal.write(text)
    return 0
