"""The names of the files that a shrunk run is written to; ``explaining/minimal_files.py`` writes them."""

MINIMAL = "minimal.json"
MINIMAL_LOG = "minimal.log"
MINIMAL_PAGE = "minimal.html"
