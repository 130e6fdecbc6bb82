"""The commands of the command line, a module each with add_arguments(parser) and run(options) -> exit code."""
