"""The command `statfe`: every command parses, calls one function of statfe, and prints."""
