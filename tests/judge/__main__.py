"""Command: ``python -m tests.judge --seeds 0:1000``; exit code 1 if the product missed its target."""

import argparse
import sys
from pathlib import Path

from tests.judge.torture import BAD, outcomes, serve, summary

MOST_ALARMS = 0.02


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.judge", description="run and judge random scenarios")
    parser.add_argument("--seeds", default="0:1000", help="first:last, the last not included, or a list 3,7,9")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="few periods and buses")
    parser.add_argument("--keep", type=Path, help="folder for scenarios and runs of bad seeds")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve()
        return 0
    found = []
    for outcome in outcomes(_seeds(asked.seeds), workers=asked.workers, small=asked.small, keep=asked.keep):
        found.append(outcome)
        if outcome.verdict in BAD:
            say(
                f"seed {outcome.seed}: {outcome.verdict}, exit {outcome.exit_code}",
                *(f"    {one}" for one in outcome.why),
            )
    say(*summary(found))
    ran = [one for one in found if one.verdict != "refused"]
    alarms = sum(one.verdict == "false alarm" for one in ran)
    bad = sum(one.verdict in BAD and one.verdict != "false alarm" for one in ran)
    return int(bad > 0 or alarms > MOST_ALARMS * len(ran))


def say(*lines):
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _seeds(text):
    if ":" in text:
        first, last = text.split(":")
        return range(int(first), int(last))
    return [int(one) for one in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
