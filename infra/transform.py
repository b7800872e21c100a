"""Turns a SAM template into the CloudFormation template that AWS would make of it, without AWS. No credentials, no network.

    python transform.py template.yaml > template.json
    python transform.py --lint template.yaml      {"template": …, "lint": [...]}: cfn-lint's findings about the result

Packages that a template names by a local path become addresses in a bucket, as `sam deploy` would put them there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from cfnlint.decode import cfn_yaml  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402


class NoManagedPolicies:
    """Our roles are explicit: the translator needs no list of AWS's own policies."""

    def load(self):
        return {}


def plain(node):
    """cfn-lint's nodes remember their place; the translator wants what JSON has."""
    return json.loads(json.dumps(node))


def put_packages(template):
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        if resource.get("Type") == "AWS::Serverless::Function" and isinstance(properties.get("CodeUri"), str):
            if not properties["CodeUri"].startswith("s3://"):
                properties["CodeUri"] = f"s3://packages/{name}.zip"


def read(path):
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    return plain(cfn_yaml.load(path))


def transformed(path):
    template = read(path)
    if "Transform" not in template:
        return template
    put_packages(template)
    return plain(transform(template, {}, NoManagedPolicies()))


def lint(template, regions):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(template, file)
        file.flush()
        command = [sys.executable, "-c", "from cfnlint.runner import main; main()", "--format", "json", "--regions", *regions, "--template", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            return json.loads(done.stdout or "[]")
        except json.JSONDecodeError:
            raise SystemExit(f"cfn-lint ended with {done.returncode}: {done.stderr.strip()}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lint", action="store_true")
    parser.add_argument("--regions", nargs="+", default=["eu-central-1", "us-east-1"])
    parser.add_argument("template")
    arguments = parser.parse_args()
    template = transformed(arguments.template)
    answer = {"template": template, "lint": lint(template, arguments.regions)} if arguments.lint else template
    json.dump(answer, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
