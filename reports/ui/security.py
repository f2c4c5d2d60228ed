"""What keeps other sites away from the app: it answers to names of this machine alone, and its pages load nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = ("GET", "HEAD")

# Charts carry style attributes; scripts and everything else come from this server's own files.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class LocalOnly:
    """Refuses requests under a foreign host name (DNS rebinding) or from another site's page, and sets the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = _refusal(scope["method"], Headers(scope=scope))
        if refusal:
            await PlainTextResponse(refusal + "\n", 403, _HEADERS)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, guarded)


def _refusal(method: str, headers: Headers) -> str:
    """Why a request is not answered, empty when it is."""
    if _host(f"//{headers.get('host', '')}") not in HOSTS:
        return "mlpipe ui answers to localhost alone: open it under http://localhost or http://127.0.0.1"
    origin = headers.get("origin")
    if method not in _READING and origin is not None and urlsplit(origin).netloc != headers["host"]:
        return "mlpipe ui takes no requests from other sites"
    return ""


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
