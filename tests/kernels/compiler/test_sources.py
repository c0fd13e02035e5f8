"""The hashes of the kernels' sources: of every file in every folder, and of arithmetic alone."""

import shutil

import pytest

from qmac.kernels.compiler import sources


def test_all_kernels_are_hashed():
    hashed = {
        path.relative_to(sources.KERNELS).as_posix() for path in sources.KERNELS.rglob("*.py")
    }
    assert {
        "signals/averages.py",
        "sweep/sweep.py",
        "trades/walk.py",
        "compiler/jit.py",
        "__init__.py",
    } <= hashed


@pytest.mark.parametrize(
    "name", ["sweep/sweep.py", "signals/averages.py", "compiler/lanes.py", "__init__.py"]
)
def test_a_change_in_any_folder_changes_the_hash(tmp_path, name):
    kernels = tmp_path / "kernels"
    shutil.copytree(sources.KERNELS, kernels, ignore=shutil.ignore_patterns("__pycache__"))
    before = sources.hash_kernel_sources(kernels)
    assert before == sources.hash_kernel_sources()
    (kernels / name).write_text((kernels / name).read_text() + "\n")
    assert sources.hash_kernel_sources(kernels) != before


@pytest.mark.parametrize("path", sorted(sources.KERNELS.rglob("*.py")), ids=lambda path: path.name)
def test_only_files_without_arithmetic_leave_an_answers_hash_as_it_is(tmp_path, path):
    name = path.relative_to(sources.KERNELS).as_posix()
    kernels = tmp_path / "kernels"
    shutil.copytree(sources.KERNELS, kernels, ignore=shutil.ignore_patterns("__pycache__"))
    before = sources.hash_arithmetic(kernels)
    (kernels / name).write_text((kernels / name).read_text() + "\n")
    is_left_out = name in ("compiler/cache.py", "compiler/sources.py")
    assert (sources.hash_arithmetic(kernels) == before) == is_left_out


def test_names_and_borders_of_files_are_hashed(tmp_path):
    (tmp_path / "a.py").write_text("one two")
    before = sources.hash_kernel_sources(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert sources.hash_kernel_sources(tmp_path) != before
    (tmp_path / "b.py").write_text("one ")
    (tmp_path / "c.py").write_text("two")
    assert sources.hash_kernel_sources(tmp_path) != before
