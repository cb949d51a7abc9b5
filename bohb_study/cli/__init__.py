"""The command line: its subcommands, its messages, what is printed."""
