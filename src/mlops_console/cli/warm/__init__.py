"""Commands in milliseconds: a process that has imported all of them forks a child for each, as Mercurial's chg does.

`client` is what a command starts with, `server` the process in waiting, `protocol` what the two of them agree on. It
saves time and nothing else: whatever speaks against it, the command goes the ordinary way.
"""
