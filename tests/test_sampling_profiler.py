"""CPython 3.15's sampling profiler, which reads the frames of a process from outside."""

import re
import subprocess
import sys
import textwrap

import pytest

from building import ROOT, environment_of_this_python

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 15), reason="profiling.sampling is new in 3.15"
)

# 100 tealets that are resumed in turn, for so many rounds.
PROGRAM = """
    import sys
    from tealetpp import Main

    depth, work, rounds = map(int, sys.argv[1:])

    def work_in_a_tealet(work):
        total = 0
        for number in range(work):
            total += number
        return total

    def pause_in_a_tealet(main, work):
        main.switch(work_in_a_tealet(work))

    def go_deeper(main, depth, work):
        if depth:
            return go_deeper(main, depth - 1, work)
        return pause_in_a_tealet(main, work)

    def begin_a_tealet(main):
        while True:
            go_deeper(main, depth, work)

    def resume_all(tealets):
        for _ in range(rounds):
            for tealet in tealets:
                tealet.switch()

    with Main() as main:
        tealets = [main.tealet(begin_a_tealet) for _ in range(100)]
        for tealet in tealets:
            tealet.switch(main)
        resume_all(tealets)
"""
# From the outermost one to the one that pauses.
IN_A_TEALET = ("begin_a_tealet", "go_deeper", "pause_in_a_tealet", "work_in_a_tealet")


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(PROGRAM))
    return file


def run(*arguments):
    """Runs Python, which imports what this one does."""
    environment = {**environment_of_this_python(), "PYTHON_COLORS": "0"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)


def skip_without_permission(done):
    if "Permission" in done.stdout + done.stderr:
        pytest.skip("needs the permission to read the memory of another process")


def sample(program, *arguments, options=()):
    """What the profiler prints, and the number of samples by their functions, outermost first."""
    stacks = program.with_suffix(".stacks")
    profiler = ("-m", "profiling.sampling", "run", "--collapsed", "-o", stacks, *options)
    done = run(*profiler, program, *map(str, arguments))
    skip_without_permission(done)
    assert done.returncode == 0, done.stdout + done.stderr
    samples = {}
    for line in stacks.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        # tid:NUMBER;FILE:FUNCTION:LINE;...
        functions = tuple(frame.split(":")[-2] for frame in frames.split(";")[1:] if ":" in frame)
        samples[functions] = samples.get(functions, 0) + int(count)
    return done.stdout, samples


def error_rate(printed):
    """The part of all samples that failed, in percent."""
    return float(re.search(r"^Error rate: ([\d.]+)", printed, re.MULTILINE)[1])


@pytest.mark.parametrize(
    ("options", "depth", "work", "rounds"),
    [
        pytest.param((), 0, 300, 1_500, id="running"),
        pytest.param(("--blocking",), 0, 20, 8_000, id="stopped, nothing but switches"),
        pytest.param(("--blocking",), 200, 300, 400, id="stopped, deep stacks"),
    ],
)
def test_it_finds_the_frames_of_tealets(program, options, depth, work, rounds):
    """With --blocking the process is stopped for each sample, so an error is a wrong chain.

    Without, the profiler reads frames that change meanwhile. How many of these samples fail depends
    on the program, the depth of its stacks and the load of the machine.
    """
    printed, samples = sample(program, depth, work, rounds, options=options)
    taken = sum(samples.values())
    assert taken > 100
    found = {function for functions in samples for function in functions}
    assert found >= {*IN_A_TEALET, "resume_all"}
    if not options:
        return
    assert error_rate(printed) < 5
    # Of the samples in tealets and in main, nearly all are in a possible order.
    whole = ("begin_a_tealet", *["go_deeper"] * (depth + 1), *IN_A_TEALET[2:])
    possible = sum(
        count
        for functions, count in samples.items()
        if functions == whole[: len(functions)] or not set(functions) & set(IN_A_TEALET)
    )
    assert possible > 0.95 * taken


DUMPED = """
    import os
    import subprocess
    import sys
    from tealetpp import Main

    def look():
        command = [sys.executable, "-m", "profiling.sampling", "dump", str(os.getpid())]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout, done.stderr)

    def run_innermost():
        list(map(lambda _: look(), [1]))

    def pause_somewhere():
        main.switch()

    with Main() as main:
        other = main.tealet(pause_somewhere)
        other.switch()
        main.tealet(run_innermost).switch()
"""


def test_a_dump_shows_the_running_tealet_alone(program):
    """Main and the other tealet are paused. Frames that CPython has for itself are hidden."""
    program.write_text(textwrap.dedent(DUMPED))
    done = run(program)
    skip_without_permission(done)
    assert done.returncode == 0, done.stderr
    functions = re.findall(r"^  File .* in (\S+)$", done.stdout, re.MULTILINE)
    assert functions[:4] == ["run_innermost", "run_innermost.<locals>.<lambda>", "look", "run"]
    assert not {"pause_somewhere", "<module>"} & set(functions)
