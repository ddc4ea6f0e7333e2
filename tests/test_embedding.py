"""Downstream projects, built with the library and run."""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest

import tealetpp
from building import PROJECTS, ROOT, build, code_blocks, configure, run, tool
from extension_modules import build_module, run_python
from tealetpp import _tealetpp
from tealetpp.__main__ import main as run_command

# The version of Python makes no difference: one of them is enough.
any_python = pytest.mark.any_python

LINES = {
    "c_program": "c_program: 5 tealets, sum 35, 0 bytes left\n",
    "cpp_application": "cpp_application: sum 120, 0 bytes saved\n",
    "memory_resource": "memory_resource: 0 bytes left in 0 blocks\n",
}
FOLDERS = {
    "--include-dir": tealetpp.get_include,
    "--cmake-dir": tealetpp.get_cmake_dir,
    "--pkgconfig-dir": tealetpp.get_pkgconfig_dir,
}


@pytest.fixture(scope="session")
def build_tree(tmp_path_factory):
    # Not optimised: a function that is inlined could not be exported, so the tests would miss it.
    return build(
        *(ROOT, tmp_path_factory.mktemp("build_tree")),
        *("-DTEALETPP_BUILD_TESTS=OFF", "-DCMAKE_BUILD_TYPE=Debug"),
    )


@pytest.fixture(scope="session")
def installed(build_tree, tmp_path_factory):
    """An installation that was moved afterwards: no file may contain the old path."""
    folder = tmp_path_factory.mktemp("installed")
    run(tool("cmake"), "--install", build_tree, "--prefix", folder / "first")
    return (folder / "first").rename(folder / "tree")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("installed", marks=any_python),
        pytest.param("build_tree", marks=any_python),
        "wheel",
    ],
)
def find_option(request):
    """Options that tell find_package() where the library is."""
    folder = request.getfixturevalue(request.param)
    if request.param == "wheel":
        return f"-Dtealetpp_DIR={tealetpp.get_cmake_dir()}"
    return f"-DCMAKE_PREFIX_PATH={folder}"


@pytest.mark.parametrize("name", LINES)
def test_a_project_that_finds_the_package(name, find_option, tmp_path):
    # Without a C++ compiler if the project is in C.
    cxx = {"CXX": "/there/is/no/c++"} if name == "c_program" else {}
    build(PROJECTS / name, tmp_path, find_option, **cxx)
    for linked in ("with_static", "with_shared"):
        assert run(tmp_path / linked) == LINES[name], linked
    needed = {
        linked: run(tool("readelf"), "-d", tmp_path / linked)
        for linked in ("with_static", "with_shared")
    }
    assert "libtealetpp.so" not in needed["with_static"]
    assert "libtealetpp.so" in needed["with_shared"]


COMPONENTS = """
cmake_minimum_required(VERSION 3.22)
project(components LANGUAGES C)
find_package(tealetpp ${ASK_FOR})
message(STATUS "found: ${tealetpp_FOUND}")
"""


@pytest.mark.parametrize(
    ("ask_for", "found"),
    [
        ("QUIET;COMPONENTS;engine;library", "0"),
        ("QUIET;OPTIONAL_COMPONENTS;engine", "1"),
        ("QUIET", "1"),
    ],
)
def test_components_that_the_package_does_not_have(ask_for, found, find_option, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(COMPONENTS)
    printed = configure(tmp_path, tmp_path / "build", find_option, f"-DASK_FOR={ask_for}")
    assert re.search(r"found: (\w+)", printed)[1].replace("FALSE", "0") == found


def test_required_components_that_the_package_does_not_have(find_option, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(COMPONENTS)
    with pytest.raises(AssertionError, match=r"has\s+no\s+component\s+named\s+engine,\s+library;"):
        configure(
            *(tmp_path, tmp_path / "build", find_option),
            "-DASK_FOR=REQUIRED;COMPONENTS;engine;library",
        )


# Makes CMake believe that the C library has no threads, as before glibc 2.34.
THREADS_APART = "-DCMAKE_HAVE_LIBC_PTHREAD=OFF"


def links(folder, name):
    """The command that links a program or library of a build folder."""
    commands = run(tool("ninja"), "-C", folder, "-t", "commands", name).splitlines()
    [link] = [command for command in commands if " -o " in command and " -c " not in command]
    return link.split()


@pytest.mark.parametrize("name", LINES)
def test_threads_are_linked_where_they_have_a_library(name, find_option, tmp_path):
    configure(PROJECTS / name, tmp_path, find_option, THREADS_APART)
    assert "-lpthread" in links(tmp_path, "with_static")
    # The shared library has linked it itself.
    assert "-lpthread" not in links(tmp_path, "with_shared")


@any_python
def test_the_shared_library_links_threads_itself(tmp_path):
    configure(ROOT, tmp_path, "-DTEALETPP_BUILD_TESTS=OFF", THREADS_APART)
    assert "-lpthread" in links(tmp_path, "tealetpp_shared")


@any_python
@pytest.mark.parametrize(
    ("shared", "options"), [("ON", ["--static"]), ("OFF", []), ("OFF", ["--static"])]
)
def test_pkg_config_names_threads_with_the_static_library(shared, options, tmp_path):
    tool("pkg-config")
    configure(ROOT, tmp_path, "-DTEALETPP_BUILD_TESTS=OFF", f"-DTEALETPP_BUILD_SHARED={shared}")
    ask = ("--libs", *options, "tealetpp")
    assert "-pthread" in run(tool("pkg-config"), *ask, PKG_CONFIG_PATH=str(tmp_path)).split()


@any_python
def test_a_project_that_adds_the_sources(tmp_path):
    folder = build(PROJECTS / "add_subdirectory", tmp_path, f"-DTEALETPP_SOURCE={ROOT}")
    assert run(folder / "with_static") == LINES["cpp_application"]
    assert run(folder / "with_shared") == LINES["c_program"]
    # It gets only the library: no tests, no build type, no files installed.
    assert "Total Tests: 0" in run(tool("ctest"), "-N", "--test-dir", folder / "tealetpp")
    assert "CMAKE_BUILD_TYPE:STRING=\n" in (folder / "CMakeCache.txt").read_text()
    run(tool("cmake"), "--install", folder, "--prefix", tmp_path / "prefix")
    files = [path for path in (tmp_path / "prefix").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"with_static", "with_shared"}


@any_python
def test_a_c_project_that_adds_the_sources_is_told_what_it_lacks(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(only_c LANGUAGES C)\n"
        f'add_subdirectory("{ROOT}" tealetpp)\n'
    )
    with pytest.raises(AssertionError, match=r"project\(only_c LANGUAGES C CXX\)"):
        build(tmp_path, tmp_path / "build")


BELOW_A_PARENT = """
cmake_minimum_required(VERSION 3.22)
project(parent LANGUAGES C CXX)
add_compile_options(${PARENT_OPTIONS})
add_subdirectory("${TEALETPP_SOURCE}" tealetpp)
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/empty.cpp" "")
add_library(of_the_parent STATIC "${CMAKE_CURRENT_BINARY_DIR}/empty.cpp")
"""


@any_python
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "-O3 -DNDEBUG"),
        (["-DCMAKE_CXX_FLAGS=-O1 -Wall"], "-O1"),
        (["-DPARENT_OPTIONS=-Wall;-Og"], "-Og"),
        (["-DCMAKE_BUILD_TYPE=Debug"], ""),
        (["-DCMAKE_BUILD_TYPE=RelWithDebInfo"], "-O2 -DNDEBUG"),
        (["-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG -fno-plt"], "-O2 -DNDEBUG -fno-plt"),
        (["-DCMAKE_CXX_FLAGS=-fno-plt -DO1"], "-fno-plt -O3 -DNDEBUG"),
    ],
)
def test_the_library_is_optimised_below_a_parent_without_a_build_type(options, expected, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(BELOW_A_PARENT)
    folder = tmp_path / "build"
    configure(
        *(tmp_path, folder, f"-DTEALETPP_SOURCE={ROOT}"),
        *("-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options),
    )
    words = {}
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        flags = re.findall(r" (-O\S*|-DNDEBUG|-fno-plt)", entry["command"])
        words[Path(entry["file"]).name] = " ".join(flags)
    assert words["domain_switch.cpp"] == words["lifecycle.cpp"] == expected
    # Settings of the parent project stay as they are.
    assert ("-O3" in words["empty.cpp"]) is False


@any_python
def test_a_build_without_doctest_says_what_it_lacks(tmp_path):
    with pytest.raises(AssertionError, match="doctest-dev") as raised:
        configure(ROOT, tmp_path, "-DCMAKE_DISABLE_FIND_PACKAGE_doctest=ON")
    assert "-DTEALETPP_BUILD_TESTS=OFF" in str(raised.value)


@pytest.mark.parametrize("kind", ["shared", "static", "all_static"])
@pytest.mark.parametrize("where", [pytest.param("installed", marks=any_python), "wheel"])
def test_a_program_built_with_pkg_config(kind, where, request, tmp_path):
    tool("pkg-config")
    if kind == "all_static" and run(tool("cc"), "-print-file-name=libc.a") == "libc.a\n":
        pytest.skip("needs a C library to link statically")
    [pc_file] = request.getfixturevalue(where).glob("lib*/**/tealetpp.pc")
    run(
        PROJECTS / "pkgconfig" / "build.sh",
        *(kind, PROJECTS / "c_program" / "program.c", tmp_path / "program"),
        PKG_CONFIG_PATH=str(pc_file.parent),
    )
    assert run(tmp_path / "program") == LINES["c_program"]


def test_an_extension_module_and_this_one_in_one_process(wheel, tmp_path):
    folder = build_module(PROJECTS / "nanobind_module", tmp_path)
    [module] = folder.glob("walks.*.so")
    printed = run_python(folder, PROJECTS / "nanobind_module" / "check.py")
    assert printed == "nanobind_module: 19 checks, 0 walks left open\n"
    # The project has its own copy of the library.
    exported = run(tool("nm"), "-D", "--defined-only", module)
    assert "PyInit_walks" in exported
    assert "tealet" not in exported


def test_the_extension_module_that_the_document_says_to_copy(wheel, tmp_path):
    project, source, commands, *_ = code_blocks(
        "docs/embedding.md", "## Extension modules", "What follows is about"
    )
    (tmp_path / "CMakeLists.txt").write_text(project)
    (tmp_path / "walks.cpp").write_text(source)
    folder = build_module(tmp_path, tmp_path / "build")
    program, printed = re.search(r'python -c "(.*)"\n(.*\n)', commands).groups()
    assert run_python(folder, "-c", program) == printed


# --- exported symbols ---


def exported_names(library, *options):
    lines = run(tool("nm"), "-D", "--defined-only", "--format=posix", *options, library)
    return {re.sub(r" [A-Za-z] [0-9a-f]+ [0-9a-f]*$", "", line) for line in lines.splitlines()}


@any_python
def test_the_shared_library_exports_what_the_c_headers_declare(installed):
    headers = "".join(path.read_text() for path in installed.glob("include/tealet/*.h"))
    declared = set(re.findall(r"^TEALET_API [^(;]*?(\w+)\(", headers, re.MULTILINE))
    assert {"tealet_switch", "tealet_get_stats", "tealet_stub_run"} <= declared
    [library] = installed.glob("lib*/**/libtealetpp.so")
    names = exported_names(library)
    assert {name for name in names if not name.startswith("_Z")} == declared


@any_python
def test_headers_do_not_shadow_those_of_a_program(installed, tmp_path):
    """Programs for libtealet put the folder of tealet.h itself on the path, before their own."""
    own = tmp_path / "own"
    own.mkdir()
    names = ["api", "arrival", "config", "error", "python", "stats", "status", "version"]
    headers = [f"{name}{suffix}" for name in (*names, "allocator") for suffix in (".h", ".hpp")]
    for header in headers:
        (own / header).write_text(f"static int of_{header.replace('.', '_')};\n")
    source = tmp_path / "program.c"
    source.write_text(
        '#include "tealet.h"\n#include "tealet_extras.h"\n'
        + "".join(f"#include <{header}>\n" for header in headers)
        + "int main(void) { return "
        + " + ".join(f"of_{header.replace('.', '_')}" for header in headers)
        + "; }\n"
    )
    folder = installed / "include/tealet"
    run(tool("cc"), "-fsyntax-only", f"-I{folder}", f"-I{own}", source)


# Inline functions of the headers use these.
OF_THE_CORE = {
    "tealet::core::extra_of(tealet::core::Node&)",
    "tealet::core::set_operate(tealet::core::Node&, "
    "void* (*)(void*, tealet::core::Operation, void*))",
    "tealet::core::switch_to(tealet::core::Node*, void*)",
    "tealet::core::switch_to_main(tealet::CxxDomain&, void*)",
    "tealet::core::raise(tealetpp_switch_result)",
}


@any_python
def test_the_shared_library_exports_the_cpp_api_and_nothing_else(installed):
    [library] = installed.glob("lib*/**/libtealetpp.so")
    names = {name for name in exported_names(library, "--demangle") if "::" in name}
    ours = re.compile(r"((typeinfo|typeinfo name|vtable) for )?tealet::(?!core::)")
    assert {name for name in names if not ours.match(name)} == OF_THE_CORE
    # An exception can be caught only if both sides share its type information.
    for error in ("Exit", "Error", "InvalidError", "DefunctError", "ThreadError", "MemoryError"):
        assert f"typeinfo for tealet::{error}" in names


@any_python
def test_what_links_the_static_library_exports_nothing_of_it(installed):
    [library] = installed.glob("lib*/**/libtealetpp.a")
    visible = []
    for line in run(tool("readelf"), "--syms", "--wide", library).splitlines():
        fields = line.split()
        if len(fields) != 8 or "tealet" not in fields[7]:
            continue
        binding, visibility, section = fields[4:7]
        if binding != "LOCAL" and section != "UND" and visibility == "DEFAULT":
            visible.append(fields[7])
    # Template instances of the standard library are exported by every library.
    assert [name for name in visible if not name.startswith(("_ZNSt", "_ZNKSt", "_ZSt"))] == []


# Without optimisation, inline functions of the headers are compiled as functions.
USES_THE_HEADERS = """
#include <tealet/tealet.hpp>

void* there_and_back(tealet::Main& main, tealet::Tealet& tealet) {
  main.switch_to();
  return tealet.switch_to();
}
"""


@any_python
def test_a_module_calls_the_copy_that_it_was_linked_with(installed, tmp_path):
    [library] = installed.glob("lib*/**/libtealetpp.a")
    source, module = tmp_path / "module.cpp", tmp_path / "module.so"
    source.write_text(USES_THE_HEADERS)
    options = ("-std=c++17", "-O0", "-fPIC", "-shared", f"-I{installed / 'include'}")
    run(tool("c++"), *options, source, library, "-o", module)
    names = exported_names(module, "--demangle")
    assert any("there_and_back" in name for name in names)
    assert [name for name in names if "switch_to" in name or "value_of" in name] == []


# --- installed files ---


@any_python
def test_the_installed_tree(installed):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    files = {re.sub(r"^lib\w*(/\w+-linux-gnu)?/", "lib/", name) for name in files}
    headers = {str(path.relative_to(ROOT)) for path in (ROOT / "include/tealet").rglob("*.*")}
    headers = (headers - {"include/tealet/cxx/config.hpp.in"}) | {"include/tealet/cxx/config.hpp"}
    minor = ".".join(tealetpp.__version__.split(".")[:2])
    libraries = {"lib/libtealetpp.a", "lib/libtealetpp.so", f"lib/libtealetpp.so.{minor}"}
    libraries.add(f"lib/libtealetpp.so.{tealetpp.__version__}")
    package = {"config.cmake", "config-version.cmake", "targets.cmake", "targets-debug.cmake"}
    package = {f"lib/cmake/tealetpp/tealetpp-{name}" for name in package}
    assert files == headers | libraries | package | {"lib/pkgconfig/tealetpp.pc"}
    for name in package | {"lib/pkgconfig/tealetpp.pc"}:
        [path] = installed.rglob(Path(name).name)
        assert str(ROOT) not in path.read_text()


@any_python
@pytest.mark.parametrize("change", [-1, 1])
def test_another_minor_version_is_not_found(change, installed, tmp_path):
    major, minor, _ = tealetpp.__version__.split(".")
    script = tmp_path / "find.cmake"
    script.write_text(
        f"find_package(tealetpp {major}.{int(minor) + change} QUIET)\n"
        'message("${tealetpp_FOUND} ${tealetpp_CONSIDERED_VERSIONS}")\n'
    )
    found = run(
        *("sh", "-c", '"$0" "$@" 2>&1'),
        *(tool("cmake"), f"-DCMAKE_PREFIX_PATH={installed}", "-P", script),
    )
    assert found == f"0 {tealetpp.__version__}\n"


def test_every_version_is_the_same(wheel):
    text = (wheel / "include/tealet/tealet_version.h").read_text()
    macros = dict(re.findall(r"#define TEALET_VERSION(\w*) (\S+)", text))
    parts = (macros["_MAJOR"], macros["_MINOR"], macros["_PATCH"])
    assert macros[""] == f'"{tealetpp.__version__}"'
    assert tealetpp.__version__ == ".".join(parts) == importlib.metadata.version("tealetpp")


# --- how the package says where it is ---


def test_the_package_says_where_its_files_are(wheel):
    assert (Path(tealetpp.get_include()) / "tealet" / "tealet.h").is_file()
    assert (Path(tealetpp.get_cmake_dir()) / "tealetpp-config.cmake").is_file()
    assert (Path(tealetpp.get_pkgconfig_dir()) / "tealetpp.pc").is_file()
    assert all(isinstance(get_folder(), str) for get_folder in FOLDERS.values())


@pytest.mark.parametrize("option", FOLDERS)
def test_the_command_line_says_so_too(option, wheel):
    # In a narrow terminal too.
    printed = run(sys.executable, "-m", "tealetpp", option, COLUMNS="20")
    assert printed == f"{FOLDERS[option]()}\n"


@pytest.mark.parametrize("option", FOLDERS)
def test_a_package_without_the_files_says_that(option, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_tealetpp, "__file__", str(tmp_path / "_tealetpp.so"))
    with pytest.raises(FileNotFoundError, match="not installed"):
        FOLDERS[option]()
    with pytest.raises(SystemExit) as raised:
        run_command([option])
    assert raised.value.code == 2
    assert str(tmp_path) in capsys.readouterr().err
