"""Render pages: each is one HTML file in the shell of templates/base.html, and needs no network.

The shell has the colours for light and dark, the classes of severities (p0 to p3, good) and states (red, yellow,
green), the type, tables, disclosures, printing, the theme button and buttons that copy. A child template fills the
blocks style, header, main, data and footer.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from event_data.output import TEMPLATES

if TYPE_CHECKING:
    import jinja2


def render_page(template: "jinja2.Template", title: str, scripts: Sequence[str] = (), **values: Any) -> str:
    """Return the page. Only `scripts` and the shell's own script run in it, whatever the data contain."""
    from markupsafe import Markup

    texts = [_normalised(text) for text in (_own_script(), *scripts)]
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in texts)
    return template.render(title=title, scripts=list(map(Markup, texts)), allowed_scripts=Markup(allowed), **values)


def _own_script() -> str:
    return (TEMPLATES / "page.js").read_text(encoding="utf-8")


def _normalised(script: str) -> str:
    """Return the script with the line endings that a browser sees, so that its digest matches."""
    return script.replace("\r\n", "\n").replace("\r", "\n")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
