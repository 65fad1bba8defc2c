"""What the passes promise: `python3 -B -m unittest discover -s cross/mips16`. Needs Python 3 alone, but for test_tools."""
