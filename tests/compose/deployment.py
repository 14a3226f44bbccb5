#!/usr/bin/env python3
"""What is written in compose/: the containers, the units, and the processes that they run.

As a program it prints the containers of the server and the environment of the balancer, for the scenario that runs them.
"""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose"
UNITS = COMPOSE / "systemd"


class Process:
    """One process of the server: where it is written, its name, the file and the variables it is configured by."""

    def __init__(self, where, name, conf, variables):
        self.where = where
        self.name = name
        self.conf = conf
        self.variables = variables

    def __repr__(self):
        return self.where

    def value(self, key):
        """Of a key, as the process has it; None when it is left as it is."""
        variable = "PLAYHOUSE_" + key.upper().replace(".", "_")
        return self.variables.get(variable, zpl(self.conf).get(key))

    @property
    def roles(self):
        return set((self.value("roles") or "").split(",")) - {""}


def zpl(path):
    """The keys of a configuration file."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if line and not line.startswith("#"))


def load(path):
    return yaml.safe_load(path.read_text())


def services():
    return load(COMPOSE / "compose.yaml")["services"]


def variables(service):
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def containers():
    """The processes that compose.yaml runs for good."""
    for name, service in services().items():
        if service["image"] == "playhouse" and service.get("command", [""])[0] == "run":
            yield Process(f"compose.yaml: {name}", name, COMPOSE / "playhouse.conf", variables(service))


def units():
    """The processes of systemd/processes, as playhouse@.service starts them."""
    for path in sorted((UNITS / "processes").glob("*.env")):
        lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
        of_file = dict(line.split("=", 1) for line in lines)
        template = re.findall(r"^Environment=(.*)$", (UNITS / "playhouse@.service").read_text(), re.M)
        of_unit = dict(word.split("=", 1) for line in template for word in line.split())
        of_unit = {name: value.replace("%i", path.stem) for name, value in of_unit.items()}
        yield Process(f"{path.name}", path.stem, UNITS / "playhouse.conf", of_unit | of_file)


def alerts():
    return load(COMPOSE / "prometheus/alerts.yml")["groups"][0]["rules"]


def panels():
    dashboard = json.loads((COMPOSE / "grafana/dashboards/playhouse.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries():
    """Every PromQL expression, with where it stands."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


if __name__ == "__main__":
    every = [{"name": one.name, "roles": sorted(one.roles), "environment": one.variables} for one in containers()]
    print(json.dumps({"processes": every, "balancer": variables(services()["haproxy"])}))
