"""What both benches share: where things lie, how a process is called, and what a
record says of the machine."""

import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "bench" / "rivals"
HOME = ROOT / "build" / "rivals"
OURS = "ours"
OURS_PROGRAM = os.environ.get("OURS", "")  # an absolute path, from prepare.sh


def specs(requirements):
    """NAME==VERSION of every tool that a file asks for, in its order."""
    lines = (HERE / requirements).read_text().split("\n")
    return [s.split()[0] for s in lines if s and not s.startswith("#")]


def folder(tool):
    return HOME / "tools" / tool


def name_of(tool):
    return tool.split("==")[0]


def ours(*args):
    return call([OURS_PROGRAM, *args])


def call(command, threads=None, timeout=None, **options):
    """Returns the standard output of a process, bound to so many cores if asked.
    If it does not end in time, it and all that it started are killed."""
    unwanted = "PYTHON", "RAYON", "TOKENIZERS", "FASTOKENS", "GOMAXPROCS", "GOGC", "GODEBUG"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    if threads:
        environment |= {"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": str(threads > 1).lower()}
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))[-threads:]
            options["preexec_fn"] = lambda: os.sched_setaffinity(0, cores)
    command = list(map(str, command))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, process_group=0, **options) as p:
        try:
            stdout, _ = p.communicate(timeout=timeout)
        except BaseException:
            os.killpg(p.pid, signal.SIGKILL)
            raise
    if p.returncode:
        raise subprocess.CalledProcessError(p.returncode, command)
    return stdout


def load_average():
    return " ".join(f"{v:.2f}" for v in os.getloadavg())


def header(clock, load_before):
    """What a record says of the machine and the state of this repository."""
    lines = dict(line.split(": ", 1) for line in ours("machine").splitlines())
    head = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())} | lines
    if (meminfo := pathlib.Path("/proc/meminfo")).exists():
        head["memory"] = meminfo.read_text().split("\n")[0].split(":")[1].strip()
    head["python"] = sys.version.split()[0]
    head["revision"] = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    head["clock"] = clock
    head["load before"], head["load after"] = load_before, load_average()
    return head


def out(head, record, suffix=""):
    """The path, without ending, that results are written to."""
    if not record:
        return HOME / f"last{suffix}"
    path = HERE / "results" / f"{head['date'][:10]}-{slug(head['cpu'])}-{head['cores']}cores{suffix}"
    path.parent.mkdir(exist_ok=True)
    return path


def slug(cpu):
    """A processor as a part of a file name: "intel-xeon-processor-6-143"."""
    for noise in "(R)", "(TM)", "family", "model":
        cpu = cpu.replace(noise, "")
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in cpu.split("stepping")[0].lower())
    return "-".join(words.split())
