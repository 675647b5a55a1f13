"""The loop of a peer whose calls are timed one by one, as many times as its driver asks."""

import argparse
import json
import sys
import time

import torch


def serve(calls, versions):
    """Says its versions, then for every number on standard input times each of `calls()` so many times.

    `calls` gives names to calls without arguments, once the number of threads is set. Each runs twice and the second is
    timed; one JSON object a time goes to standard output: the seconds of each.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    every = calls()
    print(json.dumps({**versions, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            seconds = {}
            for name, call in every.items():
                call()
                start = time.perf_counter()
                call()
                seconds[name] = time.perf_counter() - start
            print(json.dumps(seconds), flush=True)
