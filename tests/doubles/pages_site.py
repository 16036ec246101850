"""Consent pages in memory: one customer, one question, forms as Mandat's pages have them."""

from urllib.parse import parse_qs

import httpx2

LOGIN = """<title>Log in</title><main data-page="login"><h1>Log in</h1>{alert}
<form method="post" action="/login?next=1">
<input type="hidden" name="form_token" value="t&amp;1"><input name="login"><input type="password" name="password">
<button>Log in</button></form></main>"""
CONSENT = """<title>Asks</title><form method="post" action="/logout"><input type="hidden" name="form_token" value="x">
<button>Switch</button></form>
<div data-page="consent"><h1>Shop asks</h1>{alert}<form method="post" action="/auth/">
<input type="hidden" name="rules_hash" value="h1"><select name="validity"><option value="3600">1 hour</option>
<option value="7776000" selected>90 days</option><option value="unlimited">always</option></select>
<textarea name="note">
a &lt; b</textarea><input type="checkbox" name="off" value="1"><input type="checkbox" name="on" checked>
<button name="answer" value="confirm">Confirm</button><button name="answer" value="refuse">Refuse</button>
</form></div>"""
END = '<div data-page="{name}"><h1>{text}</h1></div>'


class PagesSite:
    """Give it as `transport=site.transport()`. `answered` has the last consent form; `follow` is the redirection."""

    def __init__(self, *, follow: str | None = None) -> None:
        self.follow = follow
        self.answered: dict[str, list[str]] | None = None
        self.requests: list[httpx2.Request] = []
        self.end = (200, "done", "Confirmed")
        self.minimum_seconds = 60

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.method == "POST" and request.headers.get("origin") != "http://pages.test":
            return httpx2.Response(403, html=END.format(name="error", text="Not from here"))
        inside = "sid-80=yes" in request.headers.get("cookie", "")
        match request.method, request.url.path:
            case "GET", "/auth/" if "credentialToken" in request.url.params:
                return httpx2.Response(303, headers={"Location": "/auth/?request=1"})
            case "GET", "/auth/":
                return httpx2.Response(200, html=(CONSENT if inside else LOGIN).format(alert=""))
            case "POST", "/login":
                return self._log_in(parse_qs(request.content.decode()))
            case "POST", "/auth/":
                return self._answer(parse_qs(request.content.decode()))
        return httpx2.Response(404, html=END.format(name="error", text="No such page"))

    def _log_in(self, form: dict[str, list[str]]) -> httpx2.Response:
        if form != {"form_token": ["t&1"], "login": ["alice"], "password": ["pass word+é"]}:
            alert = '<div role="alert"><p>This login and password<br> do not belong together</p></div>'
            return httpx2.Response(403, html=LOGIN.format(alert=alert))
        headers = {"Location": "/auth/?request=1", "Set-Cookie": "sid-80=yes; Path=/; HttpOnly"}
        return httpx2.Response(303, headers=headers)

    def _answer(self, form: dict[str, list[str]]) -> httpx2.Response:
        self.answered = form
        validity = form["validity"][0]
        if validity.isdigit() and int(validity) < self.minimum_seconds:
            return httpx2.Response(400, html=CONSENT.format(alert='<p role="alert">at least 60</p>'))
        if form["answer"] == ["refuse"]:
            return httpx2.Response(200, html=END.format(name="refused", text="Refused"))
        if self.follow is not None:
            return httpx2.Response(303, headers={"Location": self.follow})
        status, name, text = self.end
        return httpx2.Response(status, html=END.format(name=name, text=text))
