"""Name the browser, the operating system and the kind of device of a user agent, by the texts that it contains."""

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


def device_sql(agent: str) -> str:
    """Return SQL for the kind of device; `agent` is SQL for a user agent in lower case."""
    return f"""case
        when {agent} like '%iphone%' or {agent} like '%ipod%' then 'Mobile'
        when {agent} like '%ipad%' or {agent} like '%tablet%' then 'Tablet'
        when {agent} like '%android%' and {agent} not like '%mobile%' then 'Tablet'
        when {agent} like '%mobile%' then 'Mobile'
        when {agent} like '%windows%' or {agent} like '%macintosh%' or {agent} like '%linux%' or {agent} like '%cros %'
            then 'Desktop'
        else '{OTHER}'
    end"""
