"""The one exception that is written for the person at the keyboard."""


class SiameseError(ValueError):
    """A request that cannot be carried out, told in a sentence.

    The message says what is wrong, with the offending value, and what to do. The command line prints it without a
    traceback and the web page shows it as it stands, so it never holds a path of the server or an internal name.
    """
