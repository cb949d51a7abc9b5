"""The deploy files, each read by what its consumer reads it with."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr as read_ray_cluster,
)
from ray.autoscaler._private.util import prepare_config, validate_config

from page_commands import check
from repository import ROOT

DEPLOY = ROOT / "deploy"
SLURM = DEPLOY / "slurm.sh"


# Ray's cluster launcher


def launcher() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "cluster.yaml").read_text()))


def test_the_cluster_launcher_takes_its_file() -> None:
    """Its schema, after it has filled in what the provider has by default."""
    config = prepare_config(launcher())
    validate_config(config)
    assert config["max_workers"] == 2
    starts = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    assert sum("ray start" in command for command in starts) == 2


def test_the_schema_of_the_cluster_launcher_refuses_what_it_does_not_know() -> None:
    with pytest.raises(jsonschema.ValidationError, match="worker_ip"):
        validate_config(prepare_config({**launcher(), "worker_ip": "10.0.0.2"}))


# KubeRay


def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    job, claim = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    return job, claim


def test_the_autoscaler_that_kuberay_starts_reads_the_cluster() -> None:
    """By Ray's own reader of a RayCluster, whose result Ray validates by its schema."""
    job, _ = documents()
    cluster = {"metadata": {"name": "c", "namespace": "n"}, "spec": job["spec"]["rayClusterSpec"]}
    config = read_ray_cluster(cluster)
    validate_config(config)
    head, workers = (config["available_node_types"][name] for name in ("headgroup", "cpu"))
    assert head["resources"]["CPU"] == 0
    assert (workers["min_workers"], workers["max_workers"]) == (1, 8)
    assert workers["resources"]["CPU"] == 8
    assert workers["resources"]["memory"] == 16 * 2**30


TEXT, COUNT, FLAG = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
POD = {"type": "object"}
PARAMETERS = {"type": "object", "additionalProperties": TEXT}


def table(required: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **more},
        "required": list(required),
        "additionalProperties": False,
    }


HEAD = table({"rayStartParams": PARAMETERS, "template": POD})
WORKERS = table(
    {"groupName": TEXT, "template": POD, "rayStartParams": PARAMETERS},
    replicas=COUNT, minReplicas=COUNT, maxReplicas=COUNT,
)  # fmt: skip
CLUSTER = table(
    {"headGroupSpec": HEAD, "workerGroupSpecs": {"type": "array", "items": WORKERS}},
    rayVersion=TEXT, enableInTreeAutoscaling=FLAG,
)  # fmt: skip
JOB = table(
    {"entrypoint": TEXT, "rayClusterSpec": CLUSTER},
    shutdownAfterJobFinishes=FLAG, ttlSecondsAfterFinished=COUNT, backoffLimit=COUNT,
)  # fmt: skip
"""The fields of KubeRay 1.x that are used here, with their types, by its API reference."""


def test_the_fields_of_the_job_are_kuberays() -> None:
    job, _ = documents()
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    jsonschema.validate(job["spec"], JOB)
    check(job["spec"]["entrypoint"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**job["spec"], "entryPoint": "x"}, JOB)


def test_pods_and_claim_are_kubernetes() -> None:
    """Every node mounts the one claim; requests and limits are whole pods of the same size."""
    validate = pytest.importorskip("kubernetes_validate", reason="NOT TESTED: kubernetes-validate")
    job, claim = documents()
    validate.validate(claim, "1.30", strict=True)
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert len(groups) == 2
    for group in groups:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, **group["template"]}
        validate.validate(pod, "1.30", strict=True)
        (volume,) = pod["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        pod["spec"]["containers"][0]["volumeMount"] = []
        with pytest.raises(validate.ValidationError):
            validate.validate(pod, "1.30", strict=True)


# SLURM


def test_bash_reads_the_script() -> None:
    subprocess.run(["bash", "-n", str(SLURM)], check=True)


def test_shellcheck_finds_nothing_in_the_script() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("NOT TESTED: there is no shellcheck (apt install shellcheck)")
    subprocess.run(["shellcheck", str(SLURM)], check=True)


def sbatch(script: Path, folder: Path) -> str:
    """What sbatch says of a script where no controller answers: it reads the options first."""
    lines = (
        "ClusterName=c",
        "SlurmctldHost=localhost",
        "SlurmctldPort=1",
        "AuthType=auth/none",
        "MessageTimeout=2",
        "NodeName=localhost CPUs=1",
        "PartitionName=p Nodes=localhost",
    )
    (folder / "slurm.conf").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["sbatch", "--test-only", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SLURM_CONF": str(folder / "slurm.conf")},
    )
    return done.stderr


@pytest.mark.skipif(
    not shutil.which("sbatch"), reason="NOT TESTED: there is no sbatch (apt install slurm-client)"
)
def test_sbatch_takes_the_options_of_the_script(tmp_path: Path) -> None:
    said = sbatch(SLURM, tmp_path)
    assert said == "allocation failure: Unable to contact slurm controller (connect failure)\n"
    wrong = tmp_path / "wrong.sh"
    for before, after in (("--nodes=3", "--node=3"), ("@120", "@soon"), ("24:00:00", "a day")):
        wrong.write_text(SLURM.read_text().replace(before, after))
        assert "controller" not in sbatch(wrong, tmp_path)


STUBS = {
    "scontrol": 'printf "n1\\nn2\\nn3\\n"',
    "srun": 'echo "$SRUN_CPUS_PER_TASK CPUs: srun $*" >> "$LOG"; exec sleep 30',
    "ray": 'grep -q -- --head "$LOG"',
    "bohb-study": """
        trap 'echo TERM >> "$LOG"; exit 143' TERM
        until grep -q -- --exclude "$LOG"; do sleep 0.05; done
        echo "bohb-study $*" >> "$LOG"
        if [ -n "$WAITS" ]; then sleep 30 & wait; fi
        exit 7
    """,
}


@pytest.mark.parametrize("ended", [False, True])
def test_what_the_script_starts_and_how_it_ends(ended: bool, tmp_path: Path) -> None:
    """The head first, then the others, then the study, whose exit code is the script's."""
    log = tmp_path / "log"
    for name, text in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    job = {"JOB_NODELIST": "n[1-3]", "JOB_NUM_NODES": "3", "JOB_ID": "41", "CPUS_PER_TASK": "4"}
    environment = {
        **os.environ,
        **{f"SLURM_{name}": value for name, value in job.items()},
        "SLURM_SUBMIT_DIR": "/shared/me",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "LOG": str(log),
        "WAITS": "yes" if ended else "",
    }
    with subprocess.Popen(
        ["bash", str(SLURM), "--budget", "9"], env=environment, start_new_session=True
    ) as script:
        try:
            while ended and not (log.exists() and "bohb-study" in log.read_text()):
                assert script.poll() is None, "it has ended before the study began"
                time.sleep(0.05)
            if ended:
                script.send_signal(signal.SIGTERM)
            assert script.wait(20) == (143 if ended else 7)
        finally:
            os.killpg(script.pid, signal.SIGKILL)  # as SLURM does with what is left
    start = "ray start --num-cpus=4 --disable-usage-stats --block"
    said = log.read_text().splitlines()
    srun = "4 CPUs: srun"
    assert said[0] == f"{srun} --nodes=1 --ntasks=1 --nodelist=n1 {start} --head --port=20041"
    # both go on in the background
    assert sorted(said[1:3]) == [
        f"{srun} --nodes=2 --ntasks=2 --exclude=n1 {start} --address=n1:20041",
        "bohb-study compare --address n1:20041 --out /shared/me/results --budget 9",
    ]
    assert said[3:] == (["TERM"] if ended else [])
