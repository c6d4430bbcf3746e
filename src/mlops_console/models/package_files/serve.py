"""Serve the model in this folder: `python serve.py [--host HOST] [--port PORT]`."""

import sys
from pathlib import Path

from mlops_console.serving.package import main

if __name__ == "__main__":
    raise SystemExit(main([str(Path(__file__).resolve().parent), *sys.argv[1:]]))
