"""Reads the forms of a page the way a browser fills them when nobody touches anything. Made for Mandat's own pages."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)


@dataclass
class Form:
    """One form. `values` is what it would send untouched; `buttons` are its named submit buttons as (name, value)."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether a field or a button has that name."""
        return name in self.values or any(name == button for button, _ in self.buttons)


@dataclass
class Page:
    """What matters of a page. `alerts` are its texts with role="alert"; `name` is its `data-page`, else empty."""

    title: str = ""
    heading: str = ""
    alerts: list[str] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    name: str = ""

    def form_with(self, *names: str) -> Form | None:
        """The first form that has all these fields; None when there is none."""
        return next((form for form in self.forms if all(form.has(name) for name in names)), None)


def read_page(html: str) -> Page:
    """The page that `html` is; anything unexpected is skipped, as browsers do."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    page = reader.page
    page.title, page.heading = " ".join(page.title.split()), " ".join(page.heading.split())
    page.alerts = [text for text in (" ".join(alert.split()) for alert in page.alerts) if text]
    return page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._form: Form | None = None
        self._select: str | None = None
        self._textarea: str | None = None
        self._text_into: str | None = None
        self._alert_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.page.name = given.get("data-page", self.page.name)
        if self._alert_depth:
            self._alert_depth += tag not in _VOID
        elif given.get("role") == "alert" and tag not in _VOID:
            self._alert_depth = 1
            self.page.alerts.append("")
        if tag in ("title", "h1"):
            self._text_into = tag
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").upper())
            self.page.forms.append(self._form)
        elif self._form is not None:
            self._take_field(self._form, tag, given)

    def _take_field(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        match tag, given.get("type", "text" if tag == "input" else "submit"):
            case "button" | "input", "submit":
                form.buttons.append((name, value))
            case "input", "checkbox" | "radio":
                if name and "checked" in given:
                    form.values[name] = given.get("value", "on")
            case "input", "button" | "reset" | "image" | "file":
                pass
            case "input", _:
                form.values[name] = value
            case "textarea", _:
                self._textarea = name
                form.values[name] = ""
            case "select", _:
                self._select = name
            case "option", _ if self._select is not None and ("selected" in given or self._select not in form.values):
                form.values[self._select] = value

    def handle_endtag(self, tag: str) -> None:
        self._alert_depth = max(0, self._alert_depth - (tag not in _VOID))
        match tag:
            case "form":
                self._form = None
            case "select":
                self._select = None
            case "textarea":
                if self._form is not None and self._textarea is not None:
                    self._form.values[self._textarea] = self._form.values[self._textarea].removeprefix("\n")
                self._textarea = None
            case "title" | "h1":
                self._text_into = None

    def handle_data(self, data: str) -> None:
        if self._alert_depth:
            self.page.alerts[-1] += f" {data}"
        if self._textarea is not None and self._form is not None:
            self._form.values[self._textarea] += data
        if self._text_into == "title":
            self.page.title += data
        elif self._text_into == "h1":
            self.page.heading += data
