"""Duplicates of a folder with imagededup, as its README shows it: ``python imagededup_search.py FOLDER``.

Runs in an environment of its own (``pip install imagededup``); prints the seconds after the import.
"""

import sys
import time

from imagededup.methods import PHash

if __name__ == "__main__":
    begun = time.perf_counter()
    hasher = PHash(verbose=False)
    encodings = hasher.encode_images(image_dir=sys.argv[1], recursive=True)
    found = hasher.find_duplicates(encoding_map=encodings)
    print(sum(map(len, found.values())) // 2, time.perf_counter() - begun)
