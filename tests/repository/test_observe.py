"""The dashboard shows metrics that the server has, from where Prometheus finds them."""

import json
import re
from pathlib import Path

import yaml

from gsv_runtime.metrics import CACHE_METRICS, HISTOGRAM, SPEECH_METRICS, T2S_METRICS

ROOT = Path(__file__).parents[2]
OBSERVE = ROOT / "docs" / "observe"
DASHBOARD = json.loads((OBSERVE / "grafana" / "dashboards" / "gsv.json").read_text(encoding="utf-8"))
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
METRICS = {metric.name: metric for metric in (*SPEECH_METRICS, *T2S_METRICS, *CACHE_METRICS)}


def series(metric):
    return {f"{metric.name}_bucket"} if metric.kind == HISTOGRAM else {metric.name}


def test_every_series_of_the_dashboard_is_one_that_the_server_counts():
    known = set().union(*(series(metric) for metric in METRICS.values()))
    shown = {name for target in TARGETS for name in re.findall(r"gsv_\w+", target["expr"])}
    assert shown <= known


def test_a_metric_that_is_counted_is_shown():
    shown = " ".join(target["expr"] for target in TARGETS)
    assert [name for name in METRICS if name not in shown] == ["gsv_chunks_total"]


def test_labels_of_legends_and_sums_are_labels_of_their_metric():
    for target in TARGETS:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        named |= {name.strip() for names in re.findall(r"by \(([^)]*)\)", target["expr"]) for name in names.split(",")}
        (metric, *_) = (METRICS[name.removesuffix("_bucket")] for name in re.findall(r"gsv_\w+", target["expr"]))
        assert named - {"le"} <= set(metric.labels or ())


def test_dashboard_datasource_and_scrape_target_fit_together():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    (source,) = yaml.safe_load((OBSERVE / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert {target["datasource"]["uid"] for target in TARGETS} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose
    (job,) = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["triton:8002"]}]
    assert any(port.endswith(":8002") for port in compose["triton"]["ports"])
    (provider,) = yaml.safe_load((OBSERVE / "grafana/provisioning/dashboards/gsv.yml").read_text())["providers"]
    assert any(volume.split(":")[1] == provider["options"]["path"] for volume in compose["grafana"]["volumes"])


def test_panels_do_not_overlap():
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)


(GROUP,) = yaml.safe_load((OBSERVE / "alerts.yml").read_text(encoding="utf-8"))["groups"]


def test_every_alert_watches_what_the_server_counts_and_says_what_to_do():
    known = set().union(*(series(metric) for metric in METRICS.values()))
    for rule in GROUP["rules"]:
        named = set(re.findall(r"gsv_\w+", rule["expr"]))
        assert named <= known, rule["alert"]
        assert named or "up{" in rule["expr"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["do"]
        for metric, label, value in re.findall(r'(gsv_\w+)\{(\w+)=~?"([^"]+)"', rule["expr"]):
            assert set(value.split("|")) <= set(METRICS[metric].labels[label])


def test_prometheus_reads_the_alerts_and_operations_speaks_of_each():
    config = yaml.safe_load((OBSERVE / "prometheus.yml").read_text(encoding="utf-8"))
    assert config["rule_files"] == ["alerts.yml"]
    (job,) = config["scrape_configs"]
    assert f'up{{job="{job["job_name"]}"}}' in GROUP["rules"][0]["expr"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert any("/etc/prometheus/alerts.yml" in volume for volume in compose["prometheus"]["volumes"])
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in GROUP["rules"] if rule["alert"] not in operations] == []
