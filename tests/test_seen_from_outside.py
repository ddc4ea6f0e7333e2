"""What other threads and processes see of tealets: frames of Python functions, and no others."""

import faulthandler
import subprocess
import sys
import textwrap
import threading
import traceback

import pytest

from building import ROOT, environment_of_this_python


def names_of(frames):
    return [frame.f_code.co_name for frame, _ in frames]


def in_a_tealet(main, depth, action):
    if depth:
        return next(map(lambda _: in_a_tealet(main, depth - 1, action), (1,)))
    return action()


CHAIN = ["in_a_tealet", "<lambda>"] * 3 + ["in_a_tealet"]


def test_walking_the_stack_inside_a_tealet(main):
    def walk():
        return names_of(traceback.walk_stack(sys._getframe()))

    def pause_and_walk():
        main.switch()
        return walk()

    other = main.tealet(in_a_tealet)
    other.switch(main, 3, pause_and_walk)
    assert main.tealet(in_a_tealet).switch(main, 3, walk) == ["walk", *CHAIN]
    assert other.switch() == ["walk", "pause_and_walk", *CHAIN]
    names = walk()
    assert names[:2] == ["walk", "test_walking_the_stack_inside_a_tealet"]
    assert "in_a_tealet" not in names


def test_another_thread_looks_at_a_tealet_that_switches_all_the_time(main, tmp_path):
    """It looks between two bytecodes of that thread, since it has the lock then."""
    stop = []
    thread = threading.get_ident()
    test = "test_another_thread_looks_at_a_tealet_that_switches_all_the_time"
    seen, dumps = [], []

    def seen_in_a_tealet():
        return [names for names in seen if "in_a_tealet" in names]

    def look():
        try:
            with (tmp_path / "dump").open("w+") as file:
                while len(seen) < 300 or (len(seen) < 30_000 and not seen_in_a_tealet()):
                    seen.append(names_of(traceback.walk_stack(sys._current_frames()[thread])))
                    faulthandler.dump_traceback(file)
                file.seek(0)
                dumps.append(file.read())
        finally:
            stop.append(True)

    def pause():
        while True:
            main.switch()

    def resume():
        while not stop:
            for t in ts:
                t.switch()

    ts = [main.tealet(in_a_tealet) for _ in range(10)]
    for t in ts:
        t.switch(main, 3, pause)
    looker = threading.Thread(target=look)
    looker.start()
    resume()
    looker.join()
    in_tealets = seen_in_a_tealet()
    assert in_tealets
    assert [names for names in in_tealets if names != ["pause", *CHAIN]] == []
    outside = [names[:2] for names in seen if "in_a_tealet" not in names and names[0] == "resume"]
    assert [names for names in outside if names != ["resume", test]] == []
    assert "???" not in dumps[0]
    assert "<shim>" not in dumps[0]
    assert "in in_a_tealet" in dumps[0]


# --- from another process ---


def start(tmp_path, source):
    """Runs a program until it prints a line. It ends when its standard input does."""
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(source))
    process = subprocess.Popen(
        [sys.executable, file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment_of_this_python(),
        cwd=ROOT,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.skipif(not hasattr(sys, "remote_exec"), reason="sys.remote_exec() is new in 3.14")
def test_a_script_that_another_process_sends_runs_in_a_tealet(tmp_path):
    process = start(
        tmp_path,
        """
        from tealetpp import Main

        def pause_in_a_tealet():
            while not done:
                for _ in range(1_000):
                    pass
                main.switch()

        done = []
        with Main() as main:
            tealets = [main.tealet(pause_in_a_tealet) for _ in range(10)]
            print("ready", flush=True)
            while not done:
                for tealet in tealets:
                    tealet.switch()
            for tealet in tealets:
                tealet.close()
        print("ended")
        """,
    )

    def send(source):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        try:
            sys.remote_exec(process.pid, str(script))
        except PermissionError as error:
            process.kill()
            process.communicate()
            pytest.skip(f"needs the permission to write to another process: {error}")

    seen = []
    while "<module> pause_in_a_tealet" not in seen and len(seen) < 50:
        send(
            """
            import sys, traceback
            print(*(f.f_code.co_name for f, _ in traceback.walk_stack(sys._getframe())), flush=True)
            """
        )
        seen.append(process.stdout.readline().strip())
    send("import __main__; __main__.done.append(True)")
    printed, _ = process.communicate(timeout=60)
    assert (process.returncode, printed) == (0, "ended\n")
    assert set(seen) <= {"<module> pause_in_a_tealet", "<module> <module>"}
    assert seen[-1] == "<module> pause_in_a_tealet"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="python -m asyncio ps is new in 3.14")
def test_tasks_of_an_event_loop_in_a_tealet(tmp_path):
    process = start(
        tmp_path,
        """
        import asyncio
        from tealetpp import Main

        async def inner():
            await asyncio.sleep(3600)

        async def outer():
            tasks = [asyncio.create_task(inner(), name=f"inner {n}") for n in range(3)]
            other = main.tealet(lambda: main.switch())
            await asyncio.sleep(0)
            print("ready", flush=True)
            await asyncio.get_running_loop().run_in_executor(None, input)

        with Main() as main:
            main.tealet(asyncio.run).switch(outer())
        """,
    )
    listed = subprocess.run(
        [sys.executable, "-m", "asyncio", "ps", str(process.pid)], capture_output=True, text=True
    )
    process.kill()
    process.communicate()
    if "ermission" in listed.stdout + listed.stderr:
        pytest.skip("needs the permission to read another process")
    assert listed.returncode == 0, listed.stderr
    assert all(f"inner {n}" in listed.stdout for n in range(3))
    assert "outer" in listed.stdout
