#!/usr/bin/env python3
"""Lists and removes stages with `freshet stages` and `freshet destroy`, in moto's server, through the real AWS command line.

    python tests/scripts/stages_on_moto.py path/to/freshet

Run with a Python that has infra/requirements.txt. The stacks are small ones of two buckets, as infra/template.yaml names and
tags them: what is asked is what the commands see, refuse and remove, not what CloudFormation makes of the template.
"""

import json
import os
import subprocess
import sys
import tempfile

from infra_on_moto import REGION, serve

import boto3

FRESHET = os.path.abspath(sys.argv[1])


def template(stage):
    bucket = lambda purpose: {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": f"freshet-{stage}-{purpose}-123456789012-{REGION}"}}
    return json.dumps({
        "Resources": {"Lake": bucket("lake"), "Results": bucket("results"), "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": f"freshet-{stage}"}}},
        "Outputs": {"LakeBucket": {"Value": {"Ref": "Lake"}}},
    })


def freshet(*arguments, fails=False):
    done = subprocess.run([FRESHET, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode != 0) == fails, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stderr if fails else done.stdout


def main():
    log = tempfile.TemporaryFile()
    server, endpoint = serve(log)
    os.environ.update(AWS_ENDPOINT_URL=endpoint, AWS_REGION=REGION, PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    try:
        formation, s3 = boto3.client("cloudformation", endpoint_url=endpoint), boto3.client("s3", endpoint_url=endpoint)
        for stage, ephemeral in [("production", "false"), ("pr12", "true")]:
            tags = {"app": "freshet", "stage": stage, "owner": "data", "ephemeral": ephemeral}
            formation.create_stack(StackName=f"freshet-{stage}", TemplateBody=template(stage), Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        formation.create_stack(StackName="another", TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}))
        lake = f"freshet-pr12-lake-123456789012-{REGION}"
        s3.put_bucket_versioning(Bucket=lake, VersioningConfiguration={"Status": "Enabled"})
        for turn in range(3):
            s3.put_object(Bucket=lake, Key="tables/a", Body=str(turn).encode())
        s3.delete_object(Bucket=lake, Key="tables/a")

        shown = {one["name"]: one for one in json.loads(freshet("stages", "--json"))}
        assert set(shown) == {"freshet-production", "freshet-pr12"}, shown
        assert shown["freshet-pr12"]["left_over"] == "ephemeral" and shown["freshet-production"]["left_over"] is None, shown
        assert "freshet-pr12" in freshet("stages")

        said = freshet("destroy", "pr12", "--dry-run")
        assert "holds data and stays" in said and "is empty and is deleted" in said, said
        assert "say --yes" in freshet("destroy", "pr12", fails=True)
        assert "lower-case letter" in freshet("destroy", "pr-12", fails=True)
        assert len(json.loads(freshet("stages", "--json"))) == 2, "something was removed without a word"

        freshet("destroy", "pr12", "--yes")
        left = [one for one in json.loads(freshet("stages", "--json")) if one["stage"] == "pr12"]
        assert [(one["name"], one["kind"], one["left_over"]) for one in left] == [(lake, "bucket", "its stack is gone")], left
        assert s3.list_object_versions(Bucket=lake)["Versions"], "data went that nobody gave up"

        said = freshet("destroy", "pr12", "--delete-data", "--yes")
        assert "deleted, with 4 objects and versions" in said, said
        assert {one["stage"] for one in json.loads(freshet("stages", "--json"))} == {"production"}
        assert "there is no stage pr12" in freshet("destroy", "pr12", "--yes")
        print("stages are listed and removed, and data stays until it is given up")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
