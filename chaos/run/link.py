"""A connection as its host sees it: one state machine for hosts that choose and for recorded steps.

``chaos/run/hosts.py`` moves links by a host's next steps, ``chaos/scripts/sessions.py`` by the items of a script.
"""

from __future__ import annotations

from enum import Enum

from workers.nvmf.controller import ADMIN_QID


class LinkState(Enum):
    """The state of a connection between its Open and its end."""

    OPENING = "opening"
    ACCEPTED = "accepted"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"  # its host can only close it
    CLOSING = "closing"
    LOST = "lost"  # the host has forgotten it
    ENDED = "ended"  # the target has destroyed it


class Cause(Enum):
    """The cause of a change of state."""

    OPEN_ANSWERED = "its Open was answered with success"
    CONNECT_SENT = "a Connect was sent over it"
    CONNECT_ANSWERED = "its Connect was answered with success"
    CONNECT_REFUSED = "its Connect was refused"
    CLOSED = "its host closes it"
    RESET = "its host is back on the network, and TCP has given it up by then"
    FORGOTTEN = "its host is gone"
    DESTROYED = "the target has destroyed it"


_ALIVE = tuple(state for state in LinkState if state is not LinkState.ENDED)
# The one table of moves: a pair without a row doesn't change the state.
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
NO_THREAD = 0  # for a connection that was not accepted: it has no thread but the app thread
BEGUN = (LinkState.OPENING, LinkState.ACCEPTED, LinkState.CONNECTING)
CLOSABLE = (LinkState.ACCEPTED, LinkState.CONNECTING, LinkState.CONNECTED, LinkState.REFUSED)


class Link:
    """One connection of a host; ``awaits``: it waits for the answer to its Open or its Connect."""

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
        """Change the state; return whether it has changed."""
        before = self.state
        self.state = _MOVES[cause].get(before, before)
        return self.state is not before

    # The host's steps.

    def connects(self, qid: int) -> None:
        """Record that a queue is being connected over it."""
        self.qid = qid
        self.awaits = True
        self._move(Cause.CONNECT_SENT)

    def closes(self) -> None:
        """Record that its host closes it."""
        self._move(Cause.CLOSED)

    # Answers and events.

    def accepted(self, thread: int) -> None:
        """Record the answer to its Open: the poll group's thread."""
        self.awaits = False
        if self._move(Cause.OPEN_ANSWERED):
            self.thread = thread

    def answered(self, status: int, cntlid: int) -> None:
        """Record the answer to its Connect, which for an admin queue has the controller."""
        self.awaits = False
        cause = Cause.CONNECT_ANSWERED if status == 0 else Cause.CONNECT_REFUSED
        if self._move(cause) and status == 0 and self.qid == ADMIN_QID:
            self.cntlid = cntlid

    def reset(self) -> None:
        """Record that TCP has given it up, since its host was off the network for so long."""
        self.awaits = False
        self._move(Cause.RESET)

    def forgotten(self) -> None:
        """Record that its host is gone."""
        self._move(Cause.FORGOTTEN)

    def destroyed(self) -> None:
        """Record that the target has destroyed it."""
        self.awaits = False
        self._move(Cause.DESTROYED)
