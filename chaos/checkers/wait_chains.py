"""Wait-for chains: from a stuck thing, over what each thing waits for, to an end or back to the start."""

from __future__ import annotations

from collections.abc import Mapping

from workers.protocol import WaitRow
from workers.waits import IS, NEVER_GIVEN_BACK, WHICH

CHAINS_MAX = 8
CHAIN_LENGTH_MAX = 24
Edge = tuple[str, str]  # how a thing waits, and for what


class Graph:
    """The waits, with other names of a thing replaced by the thing."""

    def __init__(self, rows: list[WaitRow]) -> None:
        self._same: dict[str, list[str]] = {}
        self._edges: dict[str, list[Edge]] = {}
        for waiter, how, what in rows:
            if how == IS:
                self._same.setdefault(waiter, []).append(what)
        for waiter, how, what in rows:
            if how != IS:
                edges = self._edges.setdefault(waiter, [])
                edges += [(how, same) for same in self.same(what) if (how, same) not in edges]

    def same(self, name: str) -> list[str]:
        """Return the things of this name, or the name if it is no other thing's."""
        return self._same.get(name, [name])

    def edges(self, thing: str) -> list[Edge]:
        """Return what a thing waits for."""
        return self._edges.get(thing, [])

    def roots(self) -> list[str]:
        """Return the waiters for which nothing waits."""
        awaited = [what for edges in self._edges.values() for _, what in edges]
        return [waiter for waiter in self._edges if waiter not in awaited]

    def path(self, start: str) -> list[Edge]:
        """Return a path from here that comes back to a thing on it; if there is none, the first to an end."""
        return self._cycle([start], [], {}) or self._first(start)

    def _cycle(self, things: list[str], way: list[Edge], seen: dict[str, None]) -> list[Edge]:
        seen[things[-1]] = None
        for edge in self.edges(things[-1]):
            if edge[1] in things:
                return [*way, edge]
            if edge[1] not in seen and len(way) < CHAIN_LENGTH_MAX:
                found = self._cycle([*things, edge[1]], [*way, edge], seen)
                if found:
                    return found
        return []

    def _first(self, start: str) -> list[Edge]:
        way: list[Edge] = []
        edges = self.edges(start)
        while edges and len(way) < CHAIN_LENGTH_MAX:
            way.append(edges[0])
            edges = self.edges(edges[0][1])
        return way


def chains(rows: list[WaitRow], starts: list[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Format the chains: each start, and below it, indented, what it waits for.

    ``names`` has better words for things that the engine knows by number only. Without a start, all roots are starts.
    """
    graph = Graph(rows)
    begins = [thing for start in starts for thing in graph.same(start)] or graph.roots()
    shown: list[str] = []
    lines: list[str] = []
    for begin in begins[:CHAINS_MAX]:
        if begin not in shown:
            lines += _chain(graph, begin, names, shown)
    if len(begins) > CHAINS_MAX:
        lines.append(f"and {len(begins) - CHAINS_MAX} more")
    return tuple(lines)


def _chain(graph: Graph, start: str, names: Mapping[str, str], shown: list[str]) -> list[str]:
    way = graph.path(start)
    lines = [names.get(start, start)]
    if not way:
        return [*lines, "  nothing in the target is known to work on it"]
    if way[0][1] in shown:
        how, thing = way[0]
        return [f"{lines[0]} {how} {names.get(thing, thing)}, as above"]
    chain = [start]
    for how, thing in way:
        more = len(graph.edges(chain[-1])) - 1
        line = f"  {how} {names.get(thing, thing)}" + (f" (and {more} more)" if more else "")
        if thing in chain:
            line += ", the first of them: a cycle" if thing == start else ": a cycle"
        lines.append(line)
        chain.append(thing)
        if thing in shown:
            lines[-1] += ", as above"
            break
    else:
        how, thing = way[-1]
        if not graph.edges(thing) and how not in (WHICH, NEVER_GIVEN_BACK):
            lines.append("  nothing in the target is known to bring it")
    shown += chain if way[-1][0] != WHICH else chain[:-1]
    return lines
