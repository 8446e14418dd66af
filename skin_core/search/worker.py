"""The process of one search: ``python -m skin_core.search.worker NAME``, started by `store`; it outlives the page.

The training itself is done by the runs' own workers; this process only asks, watches and tells.
"""

from __future__ import annotations

import logging
import sys

import skin_core.quiet  # noqa: F401  (first: what libraries send or print is switched off before they load)
from skin_core.search.folder import SearchFolder
from skin_core.training.process import StopSignal, work_to_the_end

log = logging.getLogger("skin_core.search")


def main(name: str) -> int:
    """Works on a search until its end, and says in its state which end it was.

    Returns:
        0 where it finished or stopped, 1 where it failed.
    """
    folder = SearchFolder.of(name)

    def work(stop: StopSignal) -> None:
        folder.update_state(status="running")
        # A stop at once must not load what takes a second to load.
        from skin_core.search.driver import Search

        Search(folder, stop).run()
        folder.update_state(status="finished")
        log.info("Finished")

    return work_to_the_end(folder, work, log, what="The search", subdued=("alembic",))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
