"""The files for containers, Kubernetes, systemd and nginx: valid for their programs, and true to this one."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_server.settings import DESCRIPTIONS, environment_name, flag_name

FOLDER = Path(__file__).parents[1] / ".docker"
FILES = ("Dockerfile", "kubernetes.yaml", "nginx.conf", "videovector-connectors.service")
SCRIPTS = Path(sys.executable).parent
KUBERNETES = "1.29"


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def output_of(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def instructions(stage: int) -> list[tuple[str, str]]:
    """Those of one stage of the Dockerfile, and their values."""
    parser: Any = importlib.import_module("dockerfile_parse").DockerfileParser(path=str(FOLDER / "Dockerfile"))
    stages: list[list[tuple[str, str]]] = []
    for each in parser.structure:
        if each["instruction"] == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((each["instruction"], each["value"]))
    return stages[stage]


def test_the_container_is_slim_not_root_and_checks_its_health() -> None:
    last = dict(instructions(-1))
    assert last["FROM"].endswith("-slim")
    assert last["USER"] == "10001"
    assert "/health" in last["HEALTHCHECK"]
    assert json.loads(last["ENTRYPOINT"]) == ["videovector-connectors"]


def test_the_container_is_built_from_what_it_may_see() -> None:
    seen = text_of("Dockerfile.dockerignore").split()
    copied = [word for name, value in instructions(0) if name == "COPY" for word in shlex.split(value)[:-1]]
    assert sorted(f"!{path}" for path in copied) == sorted(line for line in seen if line.startswith("!"))
    assert [path for path in copied if not (FOLDER.parent / path).exists()] == []


def test_the_health_check_of_the_container_is_python_that_compiles() -> None:
    command = json.loads(dict(instructions(-1))["HEALTHCHECK"].partition("CMD ")[2])
    compile(command[2], "healthcheck", "exec")


def test_kubernetes_takes_the_manifest() -> None:
    output_of(SCRIPTS / "kubernetes-validate", "--strict", "-k", KUBERNETES, FOLDER / "kubernetes.yaml")


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"events {{}}\nhttp {{\n{text_of('nginx.conf')}}}\n", encoding="utf-8")
    parsed = json.loads(output_of(SCRIPTS / "crossplane", "parse", whole))
    assert (parsed["status"], parsed["errors"]) == ("ok", [])


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None and not os.environ.get("CI"):
        pytest.skip("systemd-analyze is not installed")
    assert program is not None
    unit = tmp_path / "videovector-connectors.service"
    here = re.sub("/opt/videovector-connectors/bin/videovector-connectors", "/bin/true", text_of(unit.name))
    unit.write_text(here, encoding="utf-8")
    assert "videovector-connectors.service:" not in output_of(program, "verify", unit)


@pytest.mark.parametrize("name", FILES)
def test_every_variable_that_a_file_sets_is_a_setting(name: str) -> None:
    known = {environment_name(setting) for setting in DESCRIPTIONS}
    assert set(re.findall(r"VIDEOVECTOR_[A-Z_]+", text_of(name))) <= known


def test_every_flag_in_the_manifest_is_a_setting() -> None:
    known = {flag_name(setting) for setting in DESCRIPTIONS}
    arguments = re.search(r"args: \[(--.*)\]", text_of("kubernetes.yaml"))
    assert arguments is not None
    assert set(re.findall(r"--[a-z-]+", arguments[1])) <= known


def test_they_wait_longer_than_a_server_takes_to_end() -> None:
    assert "terminationGracePeriodSeconds: 40" in text_of("kubernetes.yaml")
    assert "TimeoutStopSec=40" in text_of("videovector-connectors.service")
