"""Wait-for chains: from what is stuck, over what each thing waits for, to an end or back to where it began."""

from __future__ import annotations

from collections.abc import Mapping

from workers.protocol import WaitRow
from workers.waits import IS, NEVER_GIVEN_BACK, WHICH

CHAINS_MAX = 8
CHAIN_LENGTH_MAX = 24
Edge = tuple[str, str]  # how, and what for


class Graph:
    """Who waits for what, with other names of a thing replaced by the thing."""

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
        """The things of this name; itself when it is no other thing's name."""
        return self._same.get(name, [name])

    def edges(self, thing: str) -> list[Edge]:
        """What a thing waits for."""
        return self._edges.get(thing, [])

    def roots(self) -> list[str]:
        """What waits while nobody waits for it."""
        awaited = [what for edges in self._edges.values() for _, what in edges]
        return [waiter for waiter in self._edges if waiter not in awaited]

    def path(self, start: str) -> list[Edge]:
        """A way from here that comes back to a thing on it; if there is none, the first to an end."""
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
    """Lines for a person: each start, and below it, indented, what it waits for.

    ``names`` has better words for what the engine knows by number only. Without a start, all that nobody
    waits for is one.
    """
    graph = Graph(rows)
    begins = [thing for start in starts for thing in graph.same(start)] or graph.roots()
    told: list[str] = []
    lines: list[str] = []
    for begin in begins[:CHAINS_MAX]:
        if begin not in told:
            lines += _chain(graph, begin, names, told)
    if len(begins) > CHAINS_MAX:
        lines.append(f"and {len(begins) - CHAINS_MAX} more that wait")
    return tuple(lines)


def _chain(graph: Graph, start: str, names: Mapping[str, str], told: list[str]) -> list[str]:
    way = graph.path(start)
    lines = [names.get(start, start)]
    if not way:
        return [*lines, "  nothing in the target is known to work on it"]
    if way[0][1] in told:
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
        if thing in told:
            lines[-1] += ", as above"
            break
    else:
        how, thing = way[-1]
        if not graph.edges(thing) and how not in (WHICH, NEVER_GIVEN_BACK):
            lines.append("  nothing in the target is known to bring it")
    told += chain if way[-1][0] != WHICH else chain[:-1]
    return lines
