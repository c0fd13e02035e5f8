"""The files under deploy/, as far as they can be tried without a cloud."""

import os
import subprocess
import time
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do if [[ $1 == -w ]]; then shift; fi; shift; done
if [[ $1 == hostname ]]; then echo "10.0.0.7 10.0.0.8"; exit; fi
echo "srun $*" >> "$LOG"
"""
SCONTROL = """#!/bin/bash
if [[ $1 == show ]]; then printf 'one\\ntwo\\nthree\\n'; else echo "scontrol $*" >> "$LOG"; fi
"""
QMAC = """#!/bin/bash
echo "qmac $*" >> "$LOG"
exit "${CODE:-0}"
"""


def test_the_launchers_file_fits_rays_schema():
    yaml = pytest.importorskip("yaml")
    schema = pytest.importorskip("ray.autoscaler._private.util")
    config = schema.prepare_config(yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text()))
    schema.validate_config(config)
    assert config["available_node_types"]["head"]["resources"]["CPU"] == 0


def test_the_ray_job_runs_commands_that_there_are():
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text())
    spec = job["spec"]["rayClusterSpec"]
    assert job["kind"] == "RayJob" and spec["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    text = job["spec"]["entrypoint"]
    assert "qmac resume runs/first --executor ray --ray-address auto" in text
    assert subprocess.run(["bash", "-n", "-c", text]).returncode == 0
    pinned = (DEPLOY.parent / "constraints.txt").read_text()
    assert f"ray=={spec['rayVersion']}" in pinned
    assert f"rayproject/ray:{spec['rayVersion']}-" in (DEPLOY / "Dockerfile").read_text()


@pytest.mark.parametrize(("begun", "code"), [(False, 0), (True, 0), (True, 75)])
def test_the_slurm_script_starts_head_workers_and_job(tmp_path, begun, code):
    for name, text in {
        "srun": SRUN,
        "scontrol": SCONTROL,
        "qmac": QMAC,
        "ray": QMAC,
        "sleep": QMAC,
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    out, log = tmp_path / "run", tmp_path / "log"
    if begun:
        out.mkdir()
        (out / "run.json").write_text("{}")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "LOG": str(log),
        "CODE": str(code),
        "SLURM_JOB_NODELIST": "x",
        "SLURM_CPUS_PER_TASK": "60",
        "SLURM_JOB_ID": "7",
    }
    script = ["bash", DEPLOY / "slurm.sh", "prices", out, "--windows", "2:252"]
    if code:  # only qmac says so, not what stands in for ray
        (tmp_path / "ray").write_text("#!/bin/bash\n")
        (tmp_path / "sleep").write_text("#!/bin/bash\n")
    assert subprocess.run(script, env=environment, timeout=300).returncode == code
    for _ in range(1200):  # what was started in the background may still be about to speak
        said = log.read_text().splitlines()
        if sum(line.startswith("srun ray start --address") for line in said) == 2:
            break
        time.sleep(0.05)
    assert "srun ray start --head --port=6379 --num-cpus=60 --block" in said
    assert said.count("srun ray start --address=10.0.0.7:6379 --num-cpus=60 --block") == 2
    where = "--executor ray --ray-address 10.0.0.7:6379"
    expected = (
        f"qmac resume {out} {where}"
        if begun
        else f"qmac optimize prices --out {out} {where} --windows 2:252"
    )
    assert expected in said
    assert ("scontrol requeue 7" in said) == (code == 75)
