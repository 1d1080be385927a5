"""Name the browser and the operating system of a user agent, by the texts that it contains in lower case."""

from collections.abc import Mapping

from event_data.sql import literal

# The first name with one of its texts counts: other browsers also name Chrome and Safari.
BROWSERS = {
    "Facebook": ("fban/", "fbav/", "[fb"),
    "Instagram": ("instagram",),
    "TikTok": ("tiktok", "bytedance", "musical_ly"),
    "Pinterest": ("pinterest",),
    "Google app": ("gsa/",),
    "Edge": ("edg/", "edga/", "edgios/", "edge/"),
    "Opera": ("opr/", "opera", "opt/"),
    "Samsung Internet": ("samsungbrowser",),
    "DuckDuckGo": ("ddg/", "duckduckgo"),
    "Firefox": ("firefox/", "fxios/"),
    "Chrome": ("chrome/", "crios/"),
    "Safari": ("safari/", "applewebkit"),
}
SYSTEMS = {
    "iOS": ("iphone", "ipad", "ipod"),
    "Android": ("android",),
    "Windows": ("windows",),
    "macOS": ("macintosh",),
    "ChromeOS": ("cros ",),
    "Linux": ("linux",),
}
OTHER = "Other"


def name_in(names: Mapping[str, tuple[str, ...]], user_agent: str) -> str:
    """Return the first name with a text that the user agent contains; `Other` without one."""
    agent = user_agent.lower()
    return next((name for name, texts in names.items() if any(text in agent for text in texts)), OTHER)


def name_sql(names: Mapping[str, tuple[str, ...]], agent: str) -> str:
    """Return SQL for the same; `agent` is SQL for a user agent in lower case."""
    arms = (
        f"when {' or '.join(f'strpos({agent}, {literal(text)}) > 0' for text in texts)} then {literal(name)}"
        for name, texts in names.items()
    )
    return f"case {' '.join(arms)} else {literal(OTHER)} end"
