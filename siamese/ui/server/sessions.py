"""Limits for what Gradio keeps in memory for every browser, and for every call by a program."""

from __future__ import annotations

import gradio as gr

from siamese.data import limits

# Gradio keeps the state of the components of each tab. A tab beyond this number starts with a new state.
MOST_SESSIONS = 400
# Sessions with answers that nobody has fetched yet. There cannot be more events than this at the same time.
MOST_UNREAD = 400
_VALUE_BYTES = 64  # of a number or a name, with its place in a list or dict


class UnreadAnswers:
    """Counts, for each session, the bytes of answers that nobody has fetched yet."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}

    def note(self, session: str | None, answer: object) -> None:
        """Counts one more answer of this session."""
        if session is not None:
            self._bytes[session] = self._bytes.get(session, 0) + size_of(answer)

    def forget(self, blocks: gr.Blocks) -> None:
        """Deletes answers that nobody fetches.

        Gradio 6.31 keeps a queue of messages for every session hash that it has ever seen, so a program that sends
        requests and fetches no answers would fill the memory. Sessions without an event under way are deleted first,
        then the oldest ones. Where the answers have too many bytes together, the largest session is deleted.
        """
        queue = blocks._queue  # Gradio has no public way
        unread, under_way = queue.pending_messages_per_session, queue.pending_event_ids_session

        def drop(session: str) -> None:
            unread.pop(session, None)
            under_way.pop(session, None)

        if len(unread) > MOST_UNREAD:
            for session in [name for name in unread if not under_way.get(name)]:
                drop(session)
            for session in list(unread)[: max(0, len(unread) - MOST_UNREAD)]:
                drop(session)
        # An empty queue: the page has fetched everything.
        self._bytes = {name: size for name, size in self._bytes.items() if name in unread and not unread[name].empty()}
        while sum(self._bytes.values()) > limits.MAX_UNREAD_BYTES:
            largest = max(self._bytes, key=lambda name: self._bytes[name])
            del self._bytes[largest]
            drop(largest)


class _WithoutDescriptions:
    """Stands for the page in new sessions. It has no components that Gradio would describe."""

    def __init__(self, page: gr.Blocks) -> None:
        self.default_config = page.default_config
        self.blocks: dict[int, gr.blocks.Block] = {}


def lighten_sessions(page: gr.Blocks) -> None:
    """Makes a new session cheap. Call this when the page is served.

    For every session, and so for every call by a program, Gradio 6.31 describes all components of the page again, in
    case a deep link needs them later. That takes 140 kB, and 30 ms in which nothing else is answered. This page has no
    deep links, and Gradio describes each component that changes anyway.
    """
    page.state_holder.blocks = _WithoutDescriptions(page)  # Gradio has no public way


def size_of(value: object) -> int:
    """About how many bytes of memory a JSON-ready value takes."""
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
