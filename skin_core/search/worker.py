"""The process of one search: ``python -m skin_core.search.worker NAME``, started by `store`; it outlives the page.

The training itself is done by the runs' own workers; this process only asks, watches and tells.
"""

from __future__ import annotations

import logging
import os
import sys

import skin_core.quiet  # noqa: F401  (first: what libraries send or print is switched off before they load)
from skin_core.errors import SkinCoreError
from skin_core.search.folder import SearchFolder
from skin_core.training.liveness import beating, record_worker
from skin_core.training.loop import StopRequested
from skin_core.training.worker import StopSignal, room_for_the_last_word, sentence_of

log = logging.getLogger("skin_core.search")


def main(name: str) -> int:
    """Works on a search until its end, and says in its state which end it was.

    Returns:
        0 where it finished or stopped, 1 where it failed.
    """
    folder = SearchFolder.of(name)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    record_worker(folder, os.getpid())
    stop = StopSignal(folder)
    with beating(folder), room_for_the_last_word(folder) as give_room:
        try:
            folder.update_state(status="running")
            # A stop at once must not load what takes a second to load.
            from skin_core.search.driver import Search

            Search(folder, stop).run()
            folder.update_state(status="finished")
            log.info("Finished")
            return 0
        except StopRequested:
            log.info("Stopped on request")
            give_room()
            folder.update_state(status="stopped")
            return 0
        except Exception as error:  # The process' outermost boundary: the log has the traceback.
            give_room()
            log.exception("The search failed")
            folder.update_state(status="failed", error=_sentence(error))
            return 1


def _sentence(error: Exception) -> str:
    if isinstance(error, SkinCoreError):
        return str(error)
    return sentence_of(error).replace("Training stopped", "The search stopped")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
