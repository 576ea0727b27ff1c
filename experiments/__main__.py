"""``python -m experiments`` is the command ``raidstorm``."""

from raidstorm import main

if __name__ == "__main__":
    main()
