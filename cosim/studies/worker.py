"""A worker: a child process that carries rows out, one after the other, as its parent asks by lines of JSON.

``python -m cosim.studies.worker`` reads its terms, says who it is, then answers each job. No pickle, no code travels.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, Any

from cosim import supervision


def main() -> None:
    """Answer jobs until the parent closes the pipe."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints into standard output must not break the lines of JSON
    supervision.die_with(int(sys.argv[1]))
    from cosim.studies.carrying import Job, Terms, carry_out
    from cosim.studies.numerics import numerics_id
    from cosim.studies.store import plain_cell

    first = json.loads(sys.stdin.readline())
    terms = Terms(**{**first, "measures": tuple(first["measures"]), "tables": tuple(first["tables"])})
    _tell(replies, {"numerics": numerics_id()})
    for line in sys.stdin:
        job = json.loads(line)
        outcome = carry_out(Job(**{**job, "assignments": tuple(job["assignments"])}), terms)
        _tell(replies, outcome.document(), plain_cell)


def _tell(replies: IO[str], content: dict[str, Any], default: Any = None) -> None:  # noqa: ANN401 - json's
    replies.write(json.dumps(content, allow_nan=False, default=default) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
