"""`python -m api` is `firstbell`."""

from api.cli import main

if __name__ == "__main__":
    main()
