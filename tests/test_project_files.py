"""CONTRIBUTING.md and other documents name only files, nox sessions and presets that exist."""

import ast
import json
import re
import tomllib

import pytest

from building import ROOT, run, tool

DOCUMENTS = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "README.md", "docs/versioning.md")
# Placeholders in the names of new files.
PLACEHOLDERS = re.compile(r"ARCH_ABI_FORMAT|ARCH_ABI|XX")
FOLDERS_WITH_FILES = ("", "cpp/**/", "tests/**/")


def text_of(document):
    return (ROOT / document).read_text()


def exists(name):
    pattern = PLACEHOLDERS.sub("*", name.removesuffix("/"))
    places = [""] if "/" in pattern else FOLDERS_WITH_FILES
    return any(any(ROOT.glob(place + pattern)) for place in places)


def files_named_in(text):
    """Names in code format that have a folder or a suffix."""
    names = re.findall(r"`([\w.-]*(?:/[\w.-]*)+|[\w-]+\.(?:S|h|hpp|json|md|py|toml))`", text)
    return [name for name in names if not name.startswith("tealet/")]


def nox_sessions():
    """The names that ``nox -s`` knows: functions in ``sessions`` that are decorated as sessions."""
    names = set()
    for module in ROOT.glob("sessions/*.py"):
        for function in ast.parse(module.read_text()).body:
            for decorator in getattr(function, "decorator_list", ()):
                keywords = {word.arg: word.value for word in getattr(decorator, "keywords", ())}
                if "nox.session" in ast.unparse(decorator):
                    named = keywords.get("name")
                    names.add(ast.literal_eval(named) if named else function.name)
    return names


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text_of(document))
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/versioning.md"])
def test_files_that_are_named_exist(document):
    names = files_named_in(text_of(document))
    assert names
    assert [name for name in names if not exists(name)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nox_sessions_that_are_named_exist(document):
    named = set(re.findall(r"nox (?:-r )?-s (\w+)", text_of(document)))
    assert {"tests", "lint", "format"} <= nox_sessions()
    assert named <= nox_sessions()


def test_every_session_is_run_by_ci_or_by_hand():
    lines = re.findall(
        r"^ *nox (?:-R )?-s (.+?)(?: (?:--|\|\|) .*)?$", text_of(".ci/run"), re.MULTILINE
    )
    named = {name.strip('"') for line in lines for name in line.split()}
    assert {name.partition("(")[0] for name in named} <= nox_sessions()
    # A part of a session, such as "hardened(gcc)", is not enough.
    assert nox_sessions() - named == {"format"}


def test_every_module_of_sessions_is_used():
    text = text_of("noxfile.py")
    modules = [path for path in ROOT.glob("sessions/*.py") if "@nox.session" in path.read_text()]
    assert modules
    assert [path.name for path in modules if f'"{path.stem}"' not in text] == []


def test_a_hosted_ci_tests_wheels_for_newer_pythons_without_the_same_packages():
    """``nox -s newer_wheels`` leaves them out, too."""
    settings = tomllib.loads(text_of("pyproject.toml"))
    extra = settings["project"]["optional-dependencies"]["test"]
    [newer] = settings["tool"]["cibuildwheel"]["overrides"]
    assert 'COMPILED = ("gevent", "greenlet")' in text_of("sessions/packages.py")
    rest = [name for name in extra if not name.startswith(("gevent", "greenlet"))]
    assert newer["test-requires"] == rest


@pytest.mark.any_python
def test_presets_that_are_named_exist():
    text = text_of("CONTRIBUTING.md")
    presets = json.loads(text_of("CMakePresets.json"))
    for kind, command in [
        ("configure", "cmake --preset"),
        ("build", "cmake --build --preset"),
        ("test", "ctest --preset"),
    ]:
        names = {preset["name"] for preset in presets[f"{kind}Presets"]}
        named = set(re.findall(rf"{command} ([\w-]+)", text))
        assert {"debug", "no-stats"} <= named <= names
        # CMake finds the same presets.
        listed = run(tool("cmake"), "-S", ROOT, f"--list-presets={kind}")
        assert set(re.findall(r'^  "([\w-]+)"', listed, re.MULTILINE)) == names - {"all"}
    for preset in presets["configurePresets"]:
        toolchain = preset.get("toolchainFile", "${sourceDir}/CMakeLists.txt")
        assert (ROOT / toolchain.removeprefix("${sourceDir}/")).is_file()


def test_a_part_of_contributing_is_not_longer_than_ten_commands():
    for block in re.findall(r"^```console\n(.*?)^```$", text_of("CONTRIBUTING.md"), re.M | re.S):
        assert block.count("\n") <= 10
