"""The rows of the reported figures as they should be: two readings of each, and what to make of them."""

from typing import Any

from analysis_story import Story
from printed_numbers import Money, Sentence, Share, sentence

Verdict = tuple[str, list[Any]]
# A share's part, its whole, and its definition.
Cell = tuple[float, float, str]


def headlines(story: Story) -> list[Sentence]:
    """A row a figure; none where nothing was ordered."""
    figures = (_conversion, _completion, _journeys, _page_views, _sources, _twice)
    return [_row(*figure(story)) for figure in figures] if story.of.orders else []


def _row(name: str, cells: list[Cell], verdict: Verdict) -> Sentence:
    shown: list[Any] = []
    words = []
    for part, whole, definition in cells:
        amount = [Money(part)] if "revenue" in name else [int(part), int(whole)]
        shown += ([Share(part / whole)] if whole else []) + amount
        words.append(f"{'#' if whole else 'not defined'} ({' of '.join('#' * len(amount))}): {definition}")
    return sentence(f"| {name} | {words[0]} | {words[1]} | {verdict[0]} |", *shown, *verdict[1])


def _conversion(story: Story) -> tuple[str, list[Cell], Verdict]:
    of = story.of
    converted, sessions = (sum(v[n] for v in of.segments["device"].values()) for n in (0, 1))
    reached, lost = of.reached(), of.reached()[0] - of.recorded()[0]
    verdict: Verdict = "Page views are not visits. Use the healed one.", []
    if lost:
        verdict = (
            "No conversion rate: page views are not visits, and # of visitors who did more than browse have none on "
            "record. Use the healed one.",
            [Share(lost / max(reached[1], 1))],
        )
    tracked = of.received.get("order", 0), of.received.get("page_view", 0), "order events / page views, as received"
    healed = converted, sessions, "sessions with an order / sessions, without declared crawlers"
    return "conversion", [tracked, healed], verdict


def _completion(story: Story) -> tuple[str, list[Cell], Verdict]:
    of = story.of
    without = of.orders - of.started
    verdict: Verdict = "Starts and completions belong together; it can be used.", []
    if without:
        verdict = (
            "Its two sides do not match: # of # orders have no start on record. With a start for each it is # at most, "
            "and less if starts that led nowhere are missing too.",
            [without, of.orders, Share(of.orders / (of.starts + without))],
        )
    tracked = of.received.get("order", 0), of.received.get("checkout", 0), "order events / checkout starts, as received"
    healed = of.started, of.starts, "orders whose start was recorded / checkouts started, each once"
    return "checkout completion", [tracked, healed], verdict


def _journeys(story: Story) -> tuple[str, list[Cell], Verdict]:
    tracked, healed = (float(story.of.seen[i, "true"][1]) for i in ("client_id_as_tracked", "client_id"))
    verdict: Verdict = "The same in both readings: the repair changes nothing.", []
    if tracked > healed:
        back = Share((tracked - healed) / story.of.revenue)
        verdict = "True of the dashboards, not of the shop: the id was renamed, and # comes back.", [back]
    return "revenue without an earlier event", _by_column(tracked, healed, story.of.revenue), verdict


def _page_views(story: Story) -> tuple[str, list[Cell], Verdict]:
    view = "e.event = 'page_view'"
    tracked, healed = (int(story.of.seen[i, view][0]) for i in ("client_id_as_tracked", "client_id"))
    verdict: Verdict = "The same in both readings.", []
    if tracked > healed:
        verdict = "As above: # orders get their journey back.", [tracked - healed]
    return "orders without an earlier page view", _by_column(tracked, healed, story.of.orders), verdict


def _by_column(tracked: float, healed: float, whole: float) -> list[Cell]:
    return [(tracked, whole, "by the column alone"), (healed, whole, "by the healed id")]


def _sources(story: Story) -> tuple[str, list[Cell], Verdict]:
    cut = story.of.known["healed"].get("window cut off", (0, 0.0))[1]
    verdict: Verdict = "What is left has no source in its window.", []
    if cut:
        share = Share(cut / story.unlabelled["healed"])
        verdict = (
            "# of what is left was sold so early that its visits may not be in the files; that part shrinks as files "
            "come in.",
            [share],
        )
    definition = "no touch but direct in the window / counted"
    cells = [(story.unlabelled[r], story.of.revenue, definition) for r in ("as_tracked", "healed")]
    return "revenue without a known source", cells, verdict


def _twice(story: Story) -> tuple[str, list[Cell], Verdict]:
    ledger = story.of.ledger
    collide, again = ledger["of counted: ids that collide"][0], -ledger["resubmissions"][0]
    verdict: Verdict = "No order came twice, and no id is shared by two customers.", []
    if collide:
        verdict = (
            f"Not counted twice: # order{'s' * (collide > 1)} of other customers and checkouts under a used id. "
            "Removing them would lose real sales.",
            [collide],
        )
    elif again:
        verdict = f"# order event{'s' * (again > 1)} came again; here each order counts once.", [again]
    removed = ledger["deduplicating by transaction id alone would remove"][1]
    cells = [
        (removed, story.of.revenue, "what deduplicating by transaction id alone removes"),
        (-ledger["resubmissions"][1], story.of.revenue, "resubmissions of the same order"),
    ]
    return "revenue counted twice", cells, verdict
