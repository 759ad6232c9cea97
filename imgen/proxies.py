"""Proxies of the environment: what cannot be used is taken out and remembered, and this machine never asks itself through one."""

from collections.abc import MutableMapping
from urllib.parse import urlsplit

proxied: frozenset[str] = frozenset()  # kinds of addresses, of "http" and "https", that are asked through a proxy
unreachable: frozenset[str] = frozenset()  # and those of them whose proxy cannot be used: nothing goes around it

OWN = ("localhost", "127.0.0.1", "::1")  # names of this machine, which it asks itself


def settle(environment: MutableMapping[str, str], *own: str) -> None:
    """Leave in it only what httpx takes, which else refuses to begin at all, and keep this machine out of every proxy.

    Called before Gradio is imported, which asks its own page over httpx.  own: more names of this machine.  A proxy that cannot
    be used is remembered in `unreachable`: what was to go through it does not go around it.
    """
    global proxied, unreachable
    from urllib.request import getproxies  # which knows those of Windows and macOS, too

    named = {kind: url for kind, url in getproxies().items() if kind in ("http", "https", "all", "no")}
    known = {kind: url for kind, url in named.items() if kind != "no" and url}
    if not known:
        return
    taken = {kind: usable(url) for kind, url in known.items()}
    proxied |= frozenset(kind for kind in ("http", "https") if kind in known or "all" in known)
    here = {kind: kind if kind in known else "all" for kind in ("http", "https")}
    unreachable |= frozenset(kind for kind, name in here.items() if name in known and not taken[name])
    taken["no"] = ",".join(filter(None, [named.get("no", "").strip(" ,"), *OWN, *own]))
    for kind, url in taken.items():
        for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
            environment.pop(name, None)
        if url:
            environment[f"{kind}_proxy"] = url


def usable(url: str) -> str:
    """A proxy's address as httpx takes it; "" if it takes none of the kind, or lacks the package for it."""
    import importlib

    kind, _, rest = url.rpartition("://")
    url = f"{ {'': 'http', 'socks': 'socks5'}.get(kind.lower(), kind.lower()) }://{rest}"  # socks: as desktops write it
    for library in ("httpx", "httpx2"):  # Gradio's, and the Hub's where it has gone on to the next
        try:
            client = importlib.import_module(library).Client
        except ImportError:
            continue
        try:
            client(proxy=url).close()
        except Exception:  # no socksio, another kind, no address at all
            return ""
    return url


def kind_of(server: str) -> str:
    """Of which kind of address a server is, if it is not this machine; "" of what is none."""
    try:
        address = urlsplit(server)
    except ValueError:
        return ""
    return "" if address.hostname in OWN else address.scheme
