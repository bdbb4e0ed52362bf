"""The network of coordination_network_toolkit on one file, for comparison.

usage: coordination.py FILE NETWORK WINDOW_SECONDS

FILE has the toolkit's eight columns; NETWORK is co_retweet or co_link. Directed edges without loops go to standard
output as `user_1,user_2,weight`; seconds and memory to standard error as one line `cpu_seconds wall_seconds rss_mb`.
"""

import contextlib
import io
import os
import resource
import sys
import tempfile
import time

from coordination_network_toolkit.compute_networks import (
    compute_co_link_network,
    compute_co_retweet_parallel,
)
from coordination_network_toolkit.graph import get_edge_rows
from coordination_network_toolkit.preprocess import preprocess_csv_files

NETWORKS = {"co_retweet": compute_co_retweet_parallel, "co_link": compute_co_link_network}


def main():
    file, network, window = sys.argv[1:4]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, "network.db")
        with contextlib.redirect_stdout(io.StringIO()):
            preprocess_csv_files(database, [file])
            NETWORKS[network](database, int(window), n_threads=2, min_edge_weight=1)
        for user_1, user_2, weight, _ in get_edge_rows(database, network):
            print(f"{user_1},{user_2},{weight}")
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    rss = max(own.ru_maxrss, children.ru_maxrss) / 1024
    print(f"{cpu:.2f} {time.monotonic() - start:.2f} {rss:.0f}", file=sys.stderr)


if __name__ == "__main__":
    main()
