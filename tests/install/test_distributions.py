"""The distributions: the tests build and check them, build them again from source packages, and install them.

The tests print sizes; `make test-install` shows them.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.install.checkout import FOR_PACKAGES_S, Checkout
from tests.install.test_locks import empty_environment, pip
from tests.support.gateway import clean_environment

MEGABYTE = 1_000_000
LIMITS = {"tidegate-client": 8, "tidegate": 45}
"""The limit in megabytes of an installed package with its dependencies and bytecode."""
OF_SETUPTOOLS = {"_distutils_hack", "pkg_resources"}
"""Folders of setuptools, which a new environment of Python 3.11 has."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder dist/ of a fresh checkout after `make package`."""
    checkout = Checkout(tmp_path_factory.mktemp("package") / "tidegate")
    told = checkout.run("make", "package")
    assert told.count("PASSED") == 4, told
    return checkout.folder / "dist"


def wheel(built: Path, name: str) -> Path:
    return next(built.glob(f"{name.replace('-', '_')}-0*.whl"))


def installed(built: Path, folder: Path, *wanted: str) -> Path:
    """An environment with `wanted`, from the built wheels and, for what they need, the index. Returns its Python."""
    python = empty_environment(folder, None)
    before = set(packages(python))
    pip(python, "install", "--quiet", "--find-links", str(built), *wanted)
    added = set(packages(python)) - before
    size = megabytes(python, before)
    print(f"{' '.join(Path(name).name for name in wanted)}: {size:.1f} MB in {len(added)} packages")
    return python


def packages(python: Path) -> list[str]:
    return [package["name"] for package in json.loads(pip(python, "list", "--format", "json"))]


def megabytes(python: Path, left_out: set[str]) -> float:
    """The size of the packages in the environment, without those of every new environment."""
    site = next((python.parents[1] / "lib").glob("python3*/site-packages"))
    tops = [path for path in site.iterdir() if path.name.partition("-")[0].lower() not in left_out | OF_SETUPTOOLS]
    files = [file for top in tops for file in ([top] if top.is_file() else top.rglob("*")) if file.is_file()]
    return sum(file.stat().st_size for file in files) / MEGABYTE


def command(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python.parent / "tidegate", *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_distribution_has_its_own_metadata(built: Path) -> None:
    for name in LIMITS:
        with zipfile.ZipFile(wheel(built, name)) as archive:
            file = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
            metadata = Parser().parsestr(archive.read(file).decode())
        assert metadata["Name"] == name
        assert metadata["Summary"]
        assert str(metadata.get_payload()).startswith(f"# {'Tidegate' if name == 'tidegate' else name}")
    package = json.loads(npm_files(built)["package.json"])
    assert package["name"] == "tidegate"


def npm_files(built: Path) -> dict[str, str]:
    """The text of each file of the npm package, by its path."""
    found: dict[str, str] = {}
    with tarfile.open(next(built.glob("tidegate-*.tgz"))) as archive:
        for member in archive:
            if (content := archive.extractfile(member)) is not None:
                found[member.name.removeprefix("package/")] = content.read().decode()
    return found


def test_the_source_package_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    """`python -m build` makes the wheel from the source package, so that a file left out there is missing."""
    for name in LIMITS:
        source = next(built.glob(f"{name.replace('-', '_')}-0*.tar.gz"))
        with tarfile.open(source) as archive:
            names = archive.getnames()
        with zipfile.ZipFile(wheel(built, name)) as archive:
            modules = [entry for entry in archive.namelist() if entry.endswith(".py")]
        assert len(modules) > 20
        missing = [module for module in modules if not any(entry.endswith(module) for entry in names)]
        assert not missing


def test_the_client_installs_without_the_gateway(built: Path, tmp_path: Path) -> None:
    python = installed(built, tmp_path / "client", "tidegate-client")
    assert {"tidegate-client", "msgspec", "websockets"} <= set(packages(python))
    assert not {"tidegate", "peewee", "apsw", "ruff"} & set(packages(python))
    assert megabytes(python, {"pip", "setuptools", "wheel"}) <= LIMITS["tidegate-client"]
    subprocess.run([python, "-c", "import tidegate_client, tidegate_protocol"], cwd=tmp_path, check=True)


def test_the_gateway_installs_without_the_generators(built: Path, tmp_path: Path) -> None:
    python = installed(built, tmp_path / "gateway", "tidegate")
    assert not {"ruff", "datamodel-code-generator", "pydantic", "schemathesis", "psycopg"} & set(packages(python))
    assert megabytes(python, {"pip", "setuptools", "wheel"}) <= LIMITS["tidegate"]
    assert command(python, tmp_path, "--version").stdout.startswith("tidegate ")

    (tmp_path / "shop").mkdir()
    assert command(python, tmp_path / "shop", "init").returncode == 0
    assert command(python, tmp_path / "shop", "migrate", "--seed").returncode == 0
    for arguments, extra in (
        (["generate"], "codegen"),
        (["check", "contract"], "contract"),
        (["migrate", "--database", "postgresql://127.0.0.1/none"], "postgres"),
    ):
        refused = command(python, tmp_path / "shop", *arguments)
        assert refused.returncode == 2, refused.stderr
        assert f"pip install 'tidegate[{extra}]'" in refused.stderr


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("codegen", ["generate"]),
        ("postgres", ["migrate", "--help"]),
        ("contract", ["check", "contract", "--budget", "1"]),
    ],
)
def test_an_extra_installs_the_packages_of_its_command(
    built: Path, tmp_path: Path, extra: str, arguments: list[str]
) -> None:
    python = installed(built, tmp_path / "environment", f"tidegate[{extra}]")
    assert command(python, tmp_path, "init").returncode == 0
    if extra != "codegen":  # the handlers of the new application import generated code
        (tmp_path / "tidegate.toml").unlink()
    done = command(python, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    if extra == "postgres":
        subprocess.run([python, "-c", "import tidegate.store.postgres"], check=True)


def test_the_npm_package_is_complete(built: Path, tmp_path: Path) -> None:
    """Pack it in a new checkout without built files, and install it into an empty project."""
    assert {"dist/index.js", "dist/index.d.ts", "dist/react.js", "dist/react.d.ts", "README.md"} <= npm_files(
        built
    ).keys()
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    archive = next(built.glob("tidegate-*.tgz"))
    npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", str(archive)]
    subprocess.run(npm, cwd=tmp_path, check=True, timeout=FOR_PACKAGES_S)
    code = 'import { connect } from "tidegate"; console.log(typeof connect)'
    told = subprocess.run(
        ["node", "--input-type=module", "--eval", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert told.stdout == "function\n"
