"""What Gradio keeps for every browser, and for every call by a program, until it is told to forget it."""

from __future__ import annotations

import gradio as gr

# The newest state of the components of one tab, of 140 kB. A tab that is forgotten gets a fresh one.
MOST_SESSIONS = 400
# Answers that wait to be fetched, one list for each session; more events than this cannot be under way.
MOST_UNREAD = 400


def forget_unread(blocks: gr.Blocks) -> None:
    """Forgets answers that nobody has come for.

    Gradio 6.31 keeps a queue of messages for every session hash that it has ever seen, and a program that only asks
    would fill the memory with answers. Sessions in which nothing is under way go first, and then the oldest.
    """
    queue = blocks._queue  # there is no public way
    unread, under_way = queue.pending_messages_per_session, queue.pending_event_ids_session
    if len(unread) <= MOST_UNREAD:
        return
    for session in [name for name in unread if not under_way.get(name)]:
        unread.pop(session, None)
        under_way.pop(session, None)
    for session in list(unread)[: max(0, len(unread) - MOST_UNREAD)]:
        unread.pop(session, None)
        under_way.pop(session, None)
