"""Draw, run and judge scenarios by seed, each within a limit of processor time; count what came out."""

import json
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scipy.stats import beta

from tests.judge.judging import judge
from tests.judge.scenarios import draw

ROOT = Path(__file__).parents[2]
CPU_LIMIT_S = 60.0
WALL_FACTOR = 20.0
BAD = ("silent wrong", "false alarm", "flagged and off", "crash", "too slow", "not judged")
EXIT_INVALID, EXIT_MISSING, EXIT_DEFECT = 3, 4, 1


@dataclass
class Outcome:
    """What became of a seed: verdict, exit code, why, and the processor time of run and judge."""

    seed: int
    verdict: str
    exit_code: int | None = None
    why: list = field(default_factory=list)
    undecided: int = 0
    run_s: float = 0.0
    judge_s: float = 0.0


class OutOfTimeError(BaseException):
    """The limit of processor time is reached; nothing on the way may take it for an error of its own."""


@contextmanager
def processor_limit(seconds):
    """Raise `OutOfTimeError` once this process has computed for so long, however busy the machine is.

    What is yielded is no longer empty then, should somebody on the way have taken the error for another.
    """
    late = []

    def stop(*_):
        late.append(seconds)
        raise OutOfTimeError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield late
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def try_seed(seed, folder, *, small=False, by_command=False, limit_s=CPU_LIMIT_S):
    """Draw, run and judge one seed; its files stay in ``folder``."""
    folder = Path(folder)
    scenario, run = folder / "scenario", folder / "run"
    draw(seed, small=small).write(scenario)
    begin, ended = _cpu_s(), None
    with suppress(OutOfTimeError), processor_limit(limit_s) as late:
        ended = _by_command(scenario, run, limit_s) if by_command else _by_call(scenario, run)
    if ended is None or late:
        return Outcome(seed, "too slow", why=[f"more than {limit_s:g} s"], run_s=_cpu_s() - begin)
    ran = _cpu_s()
    outcome = ended if isinstance(ended, Outcome) else _judged(scenario, run, ended)
    outcome.seed, outcome.run_s, outcome.judge_s = seed, ran - begin, _cpu_s() - ran
    return outcome


def _cpu_s():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _by_call(scenario, run):
    """Run through the package; return the exit code, or the outcome of a run without results."""
    import cosim

    if mistakes := cosim.check(scenario).mistakes:
        return Outcome(0, "refused", EXIT_INVALID, [str(one) for one in mistakes[:2]])
    try:
        return cosim.run(scenario, out=run, report=False).exit_code
    except cosim.CosimError as error:
        return Outcome(
            0, "refused" if error.exit_code == EXIT_MISSING else "crash", error.exit_code, [str(error)[:300]]
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a result
        return Outcome(0, "crash", EXIT_DEFECT, [f"{type(error).__name__}: {error}"[:300]])


def _by_command(scenario, run, limit_s):
    """Run as a user would."""
    command = [sys.executable, "-m", "cosim", "run", str(scenario), "--out", str(run), "--no-report"]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=WALL_FACTOR * limit_s, cwd=ROOT, check=False
    )
    if ended.returncode in (EXIT_INVALID, EXIT_MISSING) and not (run / "run.json").exists():
        return Outcome(0, "refused", ended.returncode, [ended.stderr[-300:]])
    if ended.returncode in (0, 5, 6, 10):
        return ended.returncode
    return Outcome(0, "crash", ended.returncode, [ended.stderr[-300:]])


def _judged(scenario, run, exit_code):
    try:
        found = judge(scenario, run)
    except Exception as error:  # noqa: BLE001 - a table that is not there, a shape that is not expected
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(0, "not judged", exit_code, [f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"])
    if found.exit_code != exit_code:
        why = [f"exit code {exit_code}, but run.json says {found.exit_code}"]
        return Outcome(0, "silent wrong", exit_code, why)
    why = [str(one) for one in found.findings[:5]] + found.alarms[:5]
    return Outcome(0, found.verdict, exit_code, why if found.verdict != "right" else [], len(found.undecided))


def serve():
    """Answer seeds from standard input with outcomes on standard output, one line each."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        outcome = try_seed(asked["seed"], asked["folder"], small=asked["small"])
        answers.write(json.dumps(asdict(outcome)) + "\n")
        answers.flush()


class _Worker:
    """A process that answers one seed after the other; it is replaced if it dies or does not answer."""

    def __init__(self):
        self.process, self.seed, self.since = None, None, 0.0

    def ask(self, seed, folder, small):
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "tests.judge", "--serve"]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
        self.seed, self.since = seed, time.monotonic()
        self.process.stdin.write(json.dumps({"seed": seed, "folder": str(folder), "small": small}) + "\n")
        self.process.stdin.flush()

    def take(self):
        """Return the outcome of the seed that was asked, or None while there is none."""
        ready, _, _ = select.select([self.process.stdout], [], [], 0.0)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return Outcome(**json.loads(line))
        if ready:
            return Outcome(self.seed, "crash", why=[f"the process ended with code {self.process.wait()}"])
        if time.monotonic() - self.since > WALL_FACTOR * CPU_LIMIT_S:
            self.stop()
            return Outcome(self.seed, "too slow", why=["no answer"])
        return None

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def outcomes(seeds, *, workers=2, small=False, keep=None) -> Iterator[Outcome]:
    """Yield the outcome of every seed as it comes; folders of bad ones are kept in ``keep``."""
    waiting, busy = list(seeds)[::-1], []
    pool = [_Worker() for _ in range(min(workers, len(waiting)))]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            while waiting or busy:
                for worker in [one for one in pool if one not in busy]:
                    if waiting:
                        seed = waiting.pop()
                        worker.ask(seed, Path(scratch) / str(seed), small)
                        busy.append(worker)
                done = [(worker, outcome) for worker in busy if (outcome := worker.take()) is not None]
                for worker, outcome in done:
                    busy.remove(worker)
                    folder = Path(scratch) / str(outcome.seed)
                    if keep is not None and outcome.verdict in BAD:
                        shutil.copytree(folder, Path(keep) / str(outcome.seed), dirs_exist_ok=True)
                    shutil.rmtree(folder, ignore_errors=True)
                    yield outcome
                if not done:
                    time.sleep(0.05)
        finally:
            for worker in pool:
                worker.stop()


def upper_bound(bad, runs, confidence=0.95):
    """Return the exact (Clopper-Pearson) one-sided upper bound of a share.

    >>> round(upper_bound(0, 1000), 5)
    0.00299
    """
    return 1.0 if bad >= runs else float(beta.ppf(confidence, bad + 1, runs - bad))


def summary(found):
    """Return counts, bounds and processor time as lines of text."""
    count = Counter(one.verdict for one in found)
    ran = [one for one in found if one.verdict != "refused"]
    clean = [one for one in ran if one.exit_code == 0]
    lines = [f"{len(found)} scenarios: " + ", ".join(f"{number} {verdict}" for verdict, number in count.most_common())]
    exits = Counter(one.exit_code for one in ran)
    lines.append("exit codes: " + ", ".join(f"{code}: {number}" for code, number in sorted(exits.items(), key=str)))
    wrong, alarms = count["silent wrong"], count["false alarm"]
    lines.append(
        f"silent wrong: {wrong} of {len(clean)} with exit 0, below {upper_bound(wrong, len(clean)):.2%} (95 %)"
    )
    share = alarms / max(len(ran), 1)
    lines.append(
        f"false alarms: {alarms} of {len(ran)} ({share:.1%}), below {upper_bound(alarms, len(ran)):.2%} (95 %)"
    )
    lines.append(f"partly undecided: {sum(one.undecided > 0 for one in ran)}")
    run, judged = sum(one.run_s for one in found), sum(one.judge_s for one in found)
    lines.append(f"processor time: {(run + judged) / 60:.1f} min ({run / 60:.1f} runs, {judged / 60:.1f} judge)")
    return lines
