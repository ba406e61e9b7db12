"""`python -m mecopt` is the command `mecopt`."""

import sys

from mecopt.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "mecopt"
    main()
