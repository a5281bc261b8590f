"""HTML inside Markdown."""


def raw(html: str) -> str:
    """Return HTML that the Markdown parser passes on as it is, blank lines and all."""
    return f"``````{{raw}} html\n{html}\n``````"
