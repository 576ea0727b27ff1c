"""A connection of a host as its host sees it: one state machine for hosts that choose and for recorded steps.

``chaos/run/hosts.py`` moves links by what a host does next, ``chaos/scripts/sessions.py`` by what a script says.
"""

from __future__ import annotations

from enum import Enum

from workers.nvmf.controller import ADMIN_QID


class LinkState(Enum):
    """Where a connection is between its Open and its end."""

    OPENING = "opening"
    ACCEPTED = "accepted"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"  # all its host can still do with it is to close it
    CLOSING = "closing"
    LOST = "lost"  # the host has forgotten it
    ENDED = "ended"  # the target has destroyed it


class Cause(Enum):
    """What moves a connection."""

    OPEN_ANSWERED = "its Open was answered with success"
    CONNECT_SENT = "a Connect was sent over it"
    CONNECT_ANSWERED = "its Connect was answered with success"
    CONNECT_REFUSED = "its Connect was refused"
    CLOSED = "its host closes it"
    RESET = "its host is back on the network, and TCP has given it up by then"
    FORGOTTEN = "its host is gone"
    DESTROYED = "the target has destroyed it"


_ALIVE = tuple(state for state in LinkState if state is not LinkState.ENDED)
# The one table of moves: what has no row leaves the state as it is.
_MOVES: dict[Cause, dict[LinkState, LinkState]] = {
    Cause.OPEN_ANSWERED: {LinkState.OPENING: LinkState.ACCEPTED},
    Cause.CONNECT_SENT: {LinkState.ACCEPTED: LinkState.CONNECTING},
    Cause.CONNECT_ANSWERED: {LinkState.CONNECTING: LinkState.CONNECTED},
    Cause.CONNECT_REFUSED: {LinkState.CONNECTING: LinkState.REFUSED},
    Cause.CLOSED: dict.fromkeys(_ALIVE, LinkState.CLOSING),
    Cause.RESET: dict.fromkeys(_ALIVE, LinkState.REFUSED),
    Cause.FORGOTTEN: dict.fromkeys(LinkState, LinkState.LOST),
    Cause.DESTROYED: dict.fromkeys(LinkState, LinkState.ENDED),
}
NO_THREAD = 0  # of a connection that was not accepted: the app thread serves none
BEGUN = (LinkState.OPENING, LinkState.ACCEPTED, LinkState.CONNECTING)
CLOSABLE = (LinkState.ACCEPTED, LinkState.CONNECTING, LinkState.CONNECTED, LinkState.REFUSED)


class Link:
    """One connection of a host; ``awaits``: for the answer to its Open or its Connect."""

    __slots__ = ("awaits", "cntlid", "host", "number", "qid", "state", "thread")

    def __init__(self, number: int, host: int) -> None:
        self.number = number
        self.host = host
        self.state = LinkState.OPENING
        self.awaits = True
        self.thread = NO_THREAD
        self.qid = -1
        self.cntlid = 0

    def _move(self, cause: Cause) -> bool:
        """Change the state; returns whether it is another one then."""
        before = self.state
        self.state = _MOVES[cause].get(before, before)
        return self.state is not before

    # What its host does.

    def connects(self, qid: int) -> None:
        """Take in that a queue is being connected over it."""
        self.qid = qid
        self.awaits = True
        self._move(Cause.CONNECT_SENT)

    def closes(self) -> None:
        """Take in that its host closes it."""
        self._move(Cause.CLOSED)

    # What happens to it.

    def accepted(self, thread: int) -> None:
        """Take in the answer to its Open: the poll group's thread."""
        self.awaits = False
        if self._move(Cause.OPEN_ANSWERED):
            self.thread = thread

    def answered(self, status: int, cntlid: int) -> None:
        """Take in the answer to its Connect; of an admin queue it names the controller."""
        self.awaits = False
        cause = Cause.CONNECT_ANSWERED if status == 0 else Cause.CONNECT_REFUSED
        if self._move(cause) and status == 0 and self.qid == ADMIN_QID:
            self.cntlid = cntlid

    def reset(self) -> None:
        """Take in that its host heard nothing for so long that TCP has given up."""
        self.awaits = False
        self._move(Cause.RESET)

    def forgotten(self) -> None:
        """Take in that its host is gone."""
        self._move(Cause.FORGOTTEN)

    def destroyed(self) -> None:
        """Take in that the target has destroyed it."""
        self.awaits = False
        self._move(Cause.DESTROYED)
