"""`python -m api` is `firstbell`."""

from api.cli import main

main()
