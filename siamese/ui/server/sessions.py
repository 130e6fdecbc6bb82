"""What Gradio keeps for every browser, and for every call by a program, until it is told to forget it."""

from __future__ import annotations

import gradio as gr

from siamese.data import limits

# The newest state of the components of one tab. A tab that is forgotten gets a fresh one.
MOST_SESSIONS = 400
# Answers that wait to be fetched, one list for each session; more events than this cannot be under way.
MOST_UNREAD = 400
_VALUE_BYTES = 64  # of a number or a name, and of what holds it


class Unread:
    """How many bytes of answers wait to be fetched, for each session."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}

    def note(self, session: str | None, answer: object) -> None:
        """One more answer of that session."""
        if session is not None:
            self._bytes[session] = self._bytes.get(session, 0) + size_of(answer)

    def forget(self, blocks: gr.Blocks) -> None:
        """Forgets answers that nobody has come for.

        Gradio 6.31 keeps a queue of messages for every session hash that it has ever seen, and a program that only asks
        would fill the memory with answers. Sessions in which nothing is under way go first, and then the oldest; of
        answers that are too many bytes together, the session with the most.
        """
        queue = blocks._queue  # there is no public way
        unread, under_way = queue.pending_messages_per_session, queue.pending_event_ids_session

        def drop(session: str) -> None:
            unread.pop(session, None)
            under_way.pop(session, None)

        if len(unread) > MOST_UNREAD:
            for session in [name for name in unread if not under_way.get(name)]:
                drop(session)
            for session in list(unread)[: max(0, len(unread) - MOST_UNREAD)]:
                drop(session)
        # A page that listens has fetched everything.
        self._bytes = {name: size for name, size in self._bytes.items() if name in unread and not unread[name].empty()}
        while sum(self._bytes.values()) > limits.MAX_UNREAD_BYTES:
            largest = max(self._bytes, key=lambda name: self._bytes[name])
            del self._bytes[largest]
            drop(largest)


class _WithoutDescriptions:
    """The page as a new session sees it: no components to describe."""

    def __init__(self, page: gr.Blocks) -> None:
        self.default_config = page.default_config
        self.blocks: dict[int, gr.blocks.Block] = {}


def lighten_sessions(page: gr.Blocks) -> None:
    """Makes a new session cheap; to be called once the page is served.

    Gradio 6.31 describes all components of the page anew for every session, and so for every call by a program, in case
    a deep link asks for them later. That takes 30 ms in which nothing else is answered, and 140 kB. This page has no
    deep links, and Gradio describes a component that changes when it changes.
    """
    page.state_holder.blocks = _WithoutDescriptions(page)  # there is no public way


def size_of(value: object) -> int:
    """About how many bytes a JSON-ready value takes in memory."""
    total, values = 0, [value]
    while values:
        one = values.pop()
        total += _VALUE_BYTES
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, dict):
            values += one.values()
        elif isinstance(one, (list, tuple)):
            values += one
    return total


def waiting_bytes(blocks: gr.Blocks) -> int:
    """The bytes of all requests that wait for their turn, or are being answered."""
    events = list(blocks._queue.event_ids_to_events.values())
    return sum(int(event.request.headers.get("content-length", 0)) for event in events)
