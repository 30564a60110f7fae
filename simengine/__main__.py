"""`python -m simengine` is the command `simengine`."""

from simengine.cli import main

main()
