"""`python -m mecopt` is the command `mecopt`."""

from mecopt.cli.main import main

if __name__ == "__main__":
    main()
