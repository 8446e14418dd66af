"""``python -m bench [NAME ...] [--quick] [--table]``."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench
import skin_core.quiet  # noqa: F401  (before any library that prints or sends)
from bench import report

HERE = Path(__file__).resolve().parent
_CHILD = "LESIONLAB_BENCH_CHILD"


def names() -> list[str]:
    """Every bench, by the name of its module: what defines ``run(quick)``."""
    # Read, not imported: some import TensorFlow.
    return sorted(
        path.stem for path in HERE.glob("*.py") if "\ndef run(quick: bool)" in path.read_text(encoding="utf-8")
    )


def main() -> int:
    """Runs what is asked for, each bench in a process and a workspace of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=bench.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; all without one")
    parser.add_argument("--quick", action="store_true", help="small sizes, no result written: shows that it works")
    parser.add_argument("--table", action="store_true", help="print the README's table of the results on disk")
    asked = parser.parse_args()
    if asked.table:
        print(report.table())
        return 0
    if unknown := set(asked.names) - set(names()):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if os.environ.get(_CHILD):
        _run(asked.names[0], asked.quick)
        return 0
    failed = [name for name in asked.names or names() if not _in_own_process(name, asked.quick)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _in_own_process(name: str, quick: bool) -> bool:
    # A bench that imports TensorFlow must not slow down or warm up the next one.
    with tempfile.TemporaryDirectory(prefix="lesionlab-bench-") as home:
        command = [sys.executable, "-m", "bench", name, *(["--quick"] if quick else [])]
        environment = {"LESIONLAB_HOME": home, **os.environ, _CHILD: "1"}
        return subprocess.run(command, env=environment, check=False).returncode == 0


def _run(name: str, quick: bool) -> None:
    where = report.machine()
    found = importlib.import_module(f"bench.{name}").run(quick)
    print(report.as_text(name, found), flush=True)
    if not quick:
        report.write(name, found, where)


if __name__ == "__main__":
    sys.exit(main())
