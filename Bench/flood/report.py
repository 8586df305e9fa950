"""One line of Bench/flood/run, from the reports of its loads in this directory. Ends with 1 where the load suffered."""
import json
import os
import sys


def report(name):
    try:
        with open(name + ".json") as file:
            return json.load(file)
    except (OSError, ValueError):
        print(f"    no report of the {name} load: {open(name + '.err').read().strip()}")
        sys.exit(1)


def load(situation, before, most, after):
    long, short = report("long"), report("short")
    failed = long["failed"] + short["failed"]
    lost = long["packets"]["lost"]
    p50, p99 = short["setUp"]["p50"], short["setUp"]["p99"]
    with open("flood.txt") as file:
        attack = file.read().strip() or "none"
    print(
        f"{situation:12}{long['attempted'] + short['attempted']:8}{failed:8}{lost:10}{p50:9.2f}{p99:9.2f}"
        f"{before + ' / ' + most + ' / ' + after:>22}  {attack}"
    )
    for one in (long, short):
        for failure in one["failures"]:
            print(f"    {failure['calls']} x {failure['reason']}")
    if situation == "quiet":
        with open("quiet.p99", "w") as file:
            file.write(str(p99))
    quiet = float(open("quiet.p99").read()) if os.path.exists("quiet.p99") else p99
    return failed == 0 and lost == 0 and p99 <= max(2 * quiet, 20)


def emergency():
    calls, others = report("emergency"), report("others")
    refused = others["failed"]
    print(f"emergency   {calls['attempted'] - calls['failed']} of {calls['attempted']} emergency calls got through;"
          f" of {others['attempted']} others {refused} were refused")
    for failure in calls["failures"]:
        print(f"    {failure['calls']} x {failure['reason']}")
    return calls["failed"] == 0 and refused > 0


passed = load(*sys.argv[2:]) if sys.argv[1] == "load" else emergency()
sys.exit(0 if passed else 1)
