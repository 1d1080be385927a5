"""Put the monitor's results into words. The console, Slack and the page format them and add none of their own."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from event_data.money import Currency
from event_data.output import count
from monitoring.alarms import TOO_LITTLE, Alarm, DayReport, Verdict
from monitoring.thresholds import Thresholds

ACKNOWLEDGE = "To silence an alarm while it is being fixed"  # before the command
NOT_OVER = "Not over yet"  # before the names of incidents
ENDED = "Ended"  # the same
PAGE = "Every metric and incident"  # before the path of monitor.html
MOST_ALSO = 4  # of what comes with an alarm
ALSO = "Also: "
MOST_EARLIER = 14  # lines about days that were judged late
LONGEST_NAME = 60  # characters of a name that is not ours
PLACES = {  # the kind of a segment -> how it is affected
    "device": "on {} devices", "browser": "in {}", "operating_system": "on {}", "channel": "from {}",
    "section": "on pages under {}", "event": "in {} events", "hour": "at {}",
}  # fmt: skip


@dataclass(frozen=True)
class Advice:
    """The command that a reader can run, with the options that name its data, and the path of the page."""

    command: str = "monitor.py"
    page: str = ""


def day_words(day: date, beside: date | None = None) -> str:
    """Return a day as a person writes it: 4 March 2025, without the year if `beside` has the same one."""
    year = "" if beside and beside.year == day.year else f" {day.year}"
    return f"{day.day} {day:%B}{year}"


def shown(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name from a file, fit to be read: a long one is cut, and bytes that are not text are replaced."""
    text = "".join(c if c.isprintable() else "?" for c in name)
    if sum(a != b for a, b in zip(name, text, strict=True)) > len(name) / 10:
        return "(not text)"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def named(names: Sequence[str], most: int = 5) -> str:
    """Return names from a file as a list; of a long list, the first few and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more


def capital(text: str) -> str:
    """Return a sentence with a capital first letter, unless it starts with the name of a file or column."""
    is_word = text.partition(" ")[0].replace("-", "").isalpha()
    return text[:1].upper() + text[1:] if is_word else text


# --- figures --------------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """Return a share as a person writes it: small ones with two digits, 0% and 100% with none."""
    if share in (0, 1):
        return f"{share:.0%}"
    if 0 < share < 0.00005:
        return "<0.01%"
    return f"{share:.2%}" if 0 < share < 0.0995 else f"{share:.1%}"


def figure(x: float, kind: str, currency: Currency) -> str:
    """Return a metric's value as a person writes it."""
    if kind in ("share", "scale"):
        return percent(x)
    if kind == "ratio":
        return f"{x:.2f}"
    return currency.exact(x, 0) if kind == "amount" else f"{x:,.0f}"


def change(verdict: Verdict, currency: Currency) -> str:
    """Return how a metric differs: more events without an id than expected: 15.8% instead of 0.9% (0.0% to 3.2%)."""
    s, label, kind = verdict.score, verdict.metric.label, verdict.metric.kind
    if s is None:
        return f"{label}: {verdict.verdict}"
    value, expected, low, high = (figure(x, kind, currency) for x in (s.value, s.expected, s.low, s.high))
    of_all = " of all" if verdict.is_part else ""
    where = f" {where_is(*verdict.segment)}" if verdict.segment else ""
    when = f" over the last {verdict.window} days" if verdict.window > 1 else ""
    figures = f"{value}{of_all} instead of {expected} (normal: {low} to {high})"
    return f"{direction(verdict)} than expected{where}{when}: {figures}"


def direction(verdict: Verdict) -> str:
    """Return a metric with the direction of its change: more events without an id; only the label without a score."""
    s, label = verdict.score, verdict.metric.label
    if s is None:
        return label
    is_plural = any(word.endswith("s") for word in label.split())
    more, less = ("more", "fewer") if is_plural else ("higher", "lower")
    return f"{more if s.value > s.expected else less} {label}"


def place(kind: str, value: str, share: float) -> str:
    """Return where most of a change is: mostly on Mobile devices (90% of it)."""
    return f"mostly {where_is(kind, value)} ({min(share, 1.0):.0%} of it)"


def where_is(kind: str, value: str) -> str:
    """Return where a segment's events are: on Mobile devices."""
    if kind == "section" and value == "/":
        return "on the home page"
    return PLACES.get(kind, f"in {kind.replace('_', ' ')} {{}}").format(shown(value.replace("_", " ")))


# --- alarms ---------------------------------------------------------------------------------------------------


def name_of(key: str, t: Thresholds) -> str:
    """Return an alarm's name without its figures, from its key alone: column renamed (client_id)."""
    name, _, concerns = key.partition(":")
    if rule := t.rules.get(name):
        labels = {m.name: m.label for m in t.metrics}
        return f"{rule.label} ({labels.get(concerns, shown(concerns))})" if concerns else rule.label
    return next((m.label for m in t.metrics if m.group == name), name)


def known_line(alarm: Alarm, report: DayReport) -> str:
    """Return in one line an alarm that people know about, and the decision or plan that covers it."""
    return f"{short(alarm, report)}. {capital(known_as(alarm))}."


def title(alarm: Alarm) -> str:
    """Return the first sentence of an alarm, without a full stop."""
    return _sentences(alarm.text)[0].removesuffix(".")


def details(alarm: Alarm, report: DayReport) -> list[str]:
    """Return the sentences below an alarm's title: details, where, since when, the money, and related changes."""
    sentences = [s for s in _sentences(alarm.text)[1:] if s]
    if alarm.segment:
        sentences.append(f"{capital(alarm.segment)}.")
    sentences.append(_since(alarm, report))
    if alarm.at_stake or alarm.at_stake_since:
        money = report.currency.exact
        more = ""
        if alarm.day_number > 1 and alarm.opened:
            more = f"; {money(alarm.at_stake_since or 0)} since {day_words(alarm.opened, report.day)}"
        sentences.append(f"{money(alarm.at_stake or 0)} {alarm.stake_text}{more}.")
    if alarm.also:
        sentences.append(related(alarm))
    if alarm.state == "level":
        sentences.append("The change is steady and lasting; it may be the new level.")
    if alarm.reason:
        sentences.append(f"{capital(alarm.reason).removesuffix('.')}.")
    return sentences


def related(alarm: Alarm) -> str:
    """Return the changes that come with an alarm, as sentences."""
    more = f" And {len(alarm.also) - MOST_ALSO} more." if len(alarm.also) > MOST_ALSO else ""
    return f"{ALSO}{'. '.join(capital(one.removesuffix('.')) for one in alarm.also[:MOST_ALSO])}.{more}"


def short(alarm: Alarm, report: DayReport) -> str:
    """Return in one line an alarm that the reader already knows."""
    parts = [f"day {alarm.day_number}"] if alarm.day_number > 1 else []
    if alarm.at_stake_since and alarm.opened:
        since = f" since {day_words(alarm.opened, report.day)}" if alarm.day_number > 1 else ""
        parts.append(f"{report.currency.exact(alarm.at_stake_since)} {alarm.stake_text}{since}")
    return ". ".join([title(alarm), *([capital("; ".join(parts))] if parts else [])])


def acknowledgement(alarm: Alarm, command: str = "") -> tuple[str, str]:
    """Return when to acknowledge an alarm, and the option that does, after the command if it is given."""
    is_level = alarm.state == "level"
    option = f"{'--new_level' if is_level else '--acknowledge'} {shlex.quote(alarm.key)}"
    return "If this is the new level" if is_level else "If it is being fixed", f"{command} {option}".lstrip()


def known_as(alarm: Alarm) -> str:
    """Return the decision or plan that covers an alarm: acknowledged until 10 March (ann, 5 March): fix on its way."""
    if alarm.state == "planned":
        return f"planned: {alarm.reason}".removesuffix(".")
    words, act = "accepted as the new level" if alarm.state == "accepted" else "acknowledged", alarm.act
    if act is None:
        return words
    until = f" until {day_words(act.until, alarm.day)}" if act.until else ""
    reason = f": {shown(act.reason, 200)}".removesuffix(".") if act.reason else ""
    return f"{words}{until} ({shown(act.who)}, {day_words(act.at.date(), alarm.day)}){reason}"


def instructions(alarms: Sequence[Alarm], report: DayReport, advice: Advice) -> tuple[str, str]:
    """Return the command to print with each alarm, and the one to print once for all; one of the two is empty."""
    command = f"{advice.command} --check_date {report.day}"
    if len(alarms) == 1:
        return command, ""
    return "", f"{command} --acknowledge ALARM" if alarms else ""


def unfinished(report: DayReport, t: Thresholds) -> str:
    """Return the names of the open incidents that have no alarm on this day."""
    return ", ".join(name_of(key, t) for key in report.unfinished)


def finished(report: DayReport, t: Thresholds) -> str:
    """Return the names of the incidents that end on this day, with their first days."""
    return "; ".join(ended(d.key, d.opened, report, t) for d in report.incident_days if d.is_closing)


def ended(key: str, opened: date, report: DayReport, t: Thresholds) -> str:
    """Return an incident that has ended: hours without events, which began on 7 March."""
    return f"{name_of(key, t)}, which began on {day_words(opened, report.day)}"


def is_urgent(alarm: Alarm) -> bool:
    return alarm.severity == "P0"


def _since(alarm: Alarm, report: DayReport) -> str:
    opened, good = alarm.opened or alarm.day, alarm.last_good
    words = day_words(opened, report.day)
    at = f", from {alarm.first_bad} {report.time_zone}" if alarm.first_bad and alarm.day == opened else ""
    age = f", day {alarm.day_number}" if alarm.day_number > 1 else ""
    before = f"the last good day was {day_words(good, report.day)}" if good else "no earlier good day is known"
    return f"Since {words}{at}{age}; {before}."


# --- the day --------------------------------------------------------------------------------------------------


def verdict_line(report: DayReport) -> str:
    """Return the reasons for a day's status in one line: its alarms, how much was judged, and the worst alarm."""
    news, parts = [a for a in report.active if not a.is_known], []
    urgent = sum(map(is_urgent, news))
    if news:
        of_them = f", {urgent} of them urgent" if 0 < urgent < len(news) else ""
        parts.append(f"{count(len(news), 'urgent alarm' if urgent == len(news) else 'alarm')}{of_them}")
    elif report.status == TOO_LITTLE:
        parts.append("too few earlier days to compare with, and no rule is broken")
    elif not report.active:
        parts.append("no problems found")
    known = [a for a in report.alarms if a.is_known]
    if known:
        parts.append(count(len(known), "known alarm"))
    if notes := sum(not a.is_known for a in report.alarms) - len(news):
        parts.append(count(notes, "note"))
    if report.unfinished:
        parts.append(f"{count(len(report.unfinished), 'incident')} not over yet")
    if report.is_closed:
        return f"{'; '.join(parts)}; no file is due."
    judged = f"{len(report.judged)} of {len(report.verdicts)} metrics judged"
    parts.append(judged if report.verdicts else "no metric could be judged")
    return f"{'; '.join(parts)}." + (f" {title(news[0])}." if news else "")


def earlier_days(reports: Sequence[DayReport], t: Thresholds) -> list[str]:
    """Return the days that were judged late: a line for each run of days in the same state, the last ones if many."""
    runs: list[list[DayReport]] = []
    for report in reports:
        last = runs[-1][-1] if runs else None
        if last and (report.day - last.day).days == 1 and (report.status, report.note) == (last.status, last.note):
            runs[-1].append(report)
        else:
            runs.append([report])
    more = [report for run in runs[:-MOST_EARLIER] for report in run]
    lines = [_earlier_day(run[0]) if len(run) == 1 else _earlier_run(run, t) for run in runs[-MOST_EARLIER:]]
    if not more:
        return lines
    return [f"Not listed here: {count(len(more), 'earlier day')} since {day_words(more[0].day)}.", *lines]


def _earlier_day(report: DayReport) -> str:
    """Return a day that was judged late in one line: 2 March 2025, delivered late: RED. The column x is missing."""
    alarms = ". ".join(title(a) + _is_acknowledged(a) for a in report.active)
    return f"{day_words(report.day)}, {report.note}: {report.status}." + (f" {alarms}." if alarms else "")


def _earlier_run(reports: Sequence[DayReport], t: Thresholds) -> str:
    """Return days in the same state in one line: 9 to 13 March 2025, not judged until now: RED. No file."""
    days: dict[tuple[str, str], dict[date, None]] = {}  # several alarms of a day may have the same words
    for report in reports:
        for alarm in report.active:
            days.setdefault((alarm.severity, _problem(alarm, t) + _is_acknowledged(alarm)), {})[report.day] = None
    names = [
        name if len(of) == len(reports) else f"{name}, {_days_words([*of], reports[-1].day)}"
        for (_, name), of in sorted(days.items(), key=lambda item: (item[0][0], min(item[1])))
    ]
    problems = f" {capital('; '.join(names))}." if names else ""
    return f"{_days_words([r.day for r in reports])}, {reports[0].note}: {reports[0].status}.{problems}"


def _is_acknowledged(alarm: Alarm) -> str:
    """Return a note for an alarm that people know about, which no message mentions otherwise."""
    return " (acknowledged)" if alarm.is_known else ""


def _problem(alarm: Alarm, t: Thresholds) -> str:
    """Return what is wrong without the day's figures, which differ from day to day."""
    if alarm.is_rule or not alarm.verdicts or not alarm.verdicts[0].score:
        return name_of(alarm.key, t)
    return direction(alarm.verdicts[0])


def _days_words(days: Sequence[date], beside: date | None = None) -> str:
    """Return days in order as a person writes them: 2 and 3 March 2025, or 3 days from 2 to 7 March 2025."""
    first, last = days[0], days[-1]
    if len(days) == 1:
        return day_words(last, beside)
    is_month = (first.year, first.month) == (last.year, last.month)
    begin = str(first.day) if is_month else day_words(first, last)
    if len(days) == 2 and (last - first).days == 1:
        return f"{begin} and {day_words(last, beside)}"
    some = f"{len(days)} days from " if len(days) <= (last - first).days else ""
    return f"{some}{begin} to {day_words(last, beside)}"


def _sentences(text: str) -> list[str]:
    """Return the first sentence of a text, and the rest if there is one."""
    for at, (mark, blank, letter) in enumerate(zip(text, text[1:], text[2:], strict=False)):
        if mark == "." and blank == " " and letter.isupper():
            return [text[: at + 1], text[at + 2 :]]
    return [text]
