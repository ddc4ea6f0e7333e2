"""Only the main interpreter can use tealets: the types are shared by all interpreters."""

import subprocess
import sys
import textwrap

import pytest

NAMES = ("_interpreters", "_xxsubinterpreters")


def test_a_subinterpreter_is_refused():
    script = f"""
        import importlib
        for name in {NAMES!r}:
            try:
                interpreters = importlib.import_module(name)
                break
            except ImportError:
                pass
        else:
            raise SystemExit("no interpreters")
        import tealetpp
        inner = '''
        try:
            import tealetpp
        except ImportError as error:
            import sys
            sys.stdout.write(str(error))
            sys.stdout.flush()
        '''
        import textwrap
        try:
            created = interpreters.create("legacy")
        except TypeError:
            created = interpreters.create(isolated=False)
        interpreters.run_string(created, textwrap.dedent(inner))
        interpreters.destroy(created)
        assert type(tealetpp.Main().stub()) is tealetpp.Tealet
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "no interpreters" in done.stderr:
        pytest.skip("this Python has no module for subinterpreters")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tealetpp works in the main interpreter only"
