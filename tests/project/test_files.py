"""One module opens, lists and removes what lies in directories that are not trusted."""

import ast
from pathlib import Path

import pytest

import qmac

SOURCE = Path(qmac.__file__).parent
METHODS = {
    "chmod", "exists", "glob", "hardlink_to", "is_dir", "is_file", "iterdir", "lstat", "mkdir",
    "open", "read_bytes", "read_text", "rename", "rglob", "rmdir", "stat", "symlink_to", "touch",
    "unlink", "write_bytes", "write_text",
}  # fmt: skip
"""Methods of ``pathlib.Path`` that look at files or change them."""
FUNCTIONS = {
    "os": {
        "chmod", "link", "listdir", "lstat", "makedirs", "mkdir", "mkfifo", "open", "remove",
        "rename", "renames", "replace", "rmdir", "scandir", "symlink", "truncate", "unlink", "walk",
    },
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move", "rmtree"},
    "tempfile": {"NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "mkstemp"},
    "np": {"fromfile", "load", "memmap", "save", "savez", "savez_compressed"},
    "pd": {"read_csv", "read_json", "read_parquet", "read_pickle"},
    "pq": {"ParquetFile", "read_table"},
    "zipfile": {"ZipFile"},
    "io": {"open"},
}  # fmt: skip
"""Functions that do so, by the module that has them."""
ALLOWED = {
    "api.py": ("exists", "whether a name of prices is that of a file"),
    "cli/commands/combinations.py": ("is_file", "whether a word is a file of prices or a window"),
    "cli/commands/results.py": ("stat", "the size of the page that was written"),
    "cli/exits.py": ("os.open", "the null device, in place of a closed pipe"),
    "cli/options/arguments.py": ("exists is_dir", "a directory that the user names"),
    "jobs/prices.py": ("exists", "a file that the user names"),
    "cli/streams.py": ("open", "the null device, in place of a closed stream"),
    "data/arrow_file.py": ("pd.read_parquet", "content of such a file"),
    "data/containers.py": (
        "exists is_dir open os.open stat zipfile.ZipFile",
        "a file of prices that the user names",
    ),
    "data/csv_file.py": ("pd.read_csv", "content of such a file"),
    "data/sources/cache.py": ("pd.read_parquet", "the bytes of a file that was checked"),
    "data/sample.py": ("pd.read_csv", "the package itself"),
    "data/symbols.py": ("is_dir is_file iterdir", "a folder of prices that the user names"),
    "explorer/server.py": ("iterdir read_bytes", "the package itself"),
    "explorer/widget.py": ("read_text", "the package itself"),
    "jobs/listing.py": (
        "exists is_dir os.walk",
        "a folder that the user names; no link in it is followed",
    ),
    "kernels/compiler/cache.py": ("tempfile.mkdtemp", "a new directory of this process alone"),
    "kernels/compiler/sources.py": ("read_bytes rglob", "the package itself"),
    "report/html/images.py": ("exists is_dir", "the directory that the user names"),
    "report/html/page.py": ("read_text", "assets of the package"),
    "report/html/symbols_page.py": ("is_file", "pages that were written beside this one"),
    "results/exports.py": (
        "exists is_dir read_bytes pd.read_csv pd.read_parquet",
        "files that the user names, to write and to read",
    ),
    "results/pages.py": ("exists is_dir", "the page that the user names"),
    "results/reader.py": (
        "exists glob is_dir iterdir pd.read_parquet",
        "the directory that the user names; an open file",
    ),
    "robustness/luck/answer.py": ("rename", "columns of a frame"),
    "runs/creation.py": ("np.save", "memory"),
    "runs/job_file.py": (
        "exists stat",
        "whether a price file that it names is one, or a pipe or a device",
    ),
    "runs/score_store.py": ("np.save", "memory"),
    "runtime/cluster/head.py": ("read_text", "the token that Ray's variables name"),
    "runtime/cluster/ray_process.py": ("os.open", "the null device"),
    "runtime/monitoring/prometheus.py": ("is_dir", "the directory that the user names"),
    "runtime/resources/cgroups.py": ("is_dir", "files of the kernel"),
    "runtime/resources/machine.py": ("open", "files of the kernel"),
    "runtime/resources/probes.py": ("is_dir", "files of the kernel"),
    "runtime/resources/proc_files.py": ("read_bytes", "files of the kernel"),
    "storage/directories.py": ("exists is_dir", "a directory that the user names"),
    "storage/ownership.py": ("os.lstat stat", "owners and permissions only"),
    "storage/tables.py": ("np.load open pq.ParquetFile zipfile.ZipFile", "open files"),
    "verification/doctor.py": (
        "glob is_file read_text stat",
        "files of the kernel; sizes of the cache",
    ),
}
"""What other modules do themselves, and with which files."""


def find_calls(tree):
    """Yield the name of each call that looks at files or changes them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id == "open":
                yield "open"
            elif isinstance(function, ast.Attribute):
                owner = function.value.id if isinstance(function.value, ast.Name) else ""
                if function.attr in FUNCTIONS.get(owner, ()):
                    yield f"{owner}.{function.attr}"
                elif function.attr in METHODS and owner not in ("os", "RunDirectory", "webbrowser"):
                    yield function.attr
        elif isinstance(node, ast.ImportFrom) and node.module in FUNCTIONS:
            yield from (f"from {node.module} import {alias.name}" for alias in node.names)


def read_calls():
    return {
        file.relative_to(SOURCE).as_posix(): set(find_calls(ast.parse(file.read_text("utf-8"))))
        for file in sorted(SOURCE.rglob("*.py"))
    }


def test_other_modules_leave_files_to_the_module_of_files():
    allowed = {name: set(calls.split()) for name, (calls, _) in ALLOWED.items()}
    others = {
        name: sorted(calls - allowed.get(name, set()))
        for name, calls in read_calls().items()
        if name != "storage/files.py" and calls - allowed.get(name, set())
    }
    assert not others, "use qmac.storage.files, or say above with which files it is done"


def test_no_exception_is_left_over():
    calls = read_calls()
    unused = {name: set(words.split()) - calls[name] for name, (words, _) in ALLOWED.items()}
    assert not {name: names for name, names in unused.items() if names}


@pytest.mark.parametrize(
    "text",
    ["open('a')", "Path('a').open()", "path.with_name('b').unlink()", "os.replace(a, b)",
     "shutil.rmtree(a)", "np.load(a)", "from shutil import rmtree", "(a / 'b').exists()"],
)  # fmt: skip
def test_such_calls_are_seen(text):
    assert len(list(find_calls(ast.parse(text)))) == 1
