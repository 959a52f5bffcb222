"""`python -m onlineml` is the command `onlineml`."""

from onlineml.cli import main

if __name__ == "__main__":
    main()
