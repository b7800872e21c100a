#!/usr/bin/env python3
"""Creates every resource of infra/template.yaml through its own service's API, in moto's server, from the template's properties.

Run with a Python that has infra/requirements.txt. It proves that the properties have the shapes that the services' APIs
take (botocore checks each) and that references resolve; it proves nothing about CloudFormation. Each resource is created,
refused with its reason, or has no call of its own. What may be refused is listed in MAY_BE_REFUSED; anything else fails.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "infra"))
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")

import boto3  # noqa: E402
import botocore.exceptions  # noqa: E402

from transform import transformed  # noqa: E402

ACCOUNT, REGION, PARTNER = "123456789012", "eu-central-1", "aws.partner/shopify.com/1/lake"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "freshet-test"}
# Everything that a condition can add.
PARAMETERS = {"Stage": "test", "HttpApi": "on", "Tracing": "Active", "AlarmEmail": "lake@example.com", "MonthlyBudget": 20, "WatchedSource": "shopify",
              "PartnerEventSource": PARTNER, "Scoring": "both", "AnalystPrincipal": f"arn:aws:iam::{ACCOUNT}:root", "ReceiverConcurrency": 5, "WorkerConcurrency": 2}
NOTHING = object()

# What moto 5.2.5 cannot do, by resource, and why.
MAY_BE_REFUSED = {
    "PartnerRule": "moto takes the part of a bus's name behind `/` for the whole name",
    "PartnerArchive": "moto takes the part of a bus's name behind `/` for the whole name",
}


class Stack:
    """Values of a template with its parameters, and what has been created."""

    def __init__(self, template):
        self.template = template
        self.parameters = {name: PARAMETERS.get(name, body.get("Default")) for name, body in template["Parameters"].items()}
        self.made = {}

    def condition(self, name):
        return self.truth(self.template["Conditions"][name])

    def truth(self, value):
        (function, argument), = value.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Not":
            return not self.truth(argument[0])
        if function in ("Fn::And", "Fn::Or"):
            return (all if function == "Fn::And" else any)(self.truth(part) for part in argument)
        if function == "Fn::Equals":
            left, right = (str(self.value(part)) for part in argument)
            return left == right
        raise ValueError(function)

    def value(self, node):
        if isinstance(node, list):
            return [part for part in (self.value(part) for part in node) if part is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), = node.items()
            if function == "Ref":
                return self.ref(argument)
            if function == "Fn::GetAtt":
                name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self.made[name][attribute]
            if function == "Fn::Sub":
                return re.sub(r"\$\{([^}!]+)\}", lambda found: str(self.named(found[1])), argument)
            if function == "Fn::Join":
                return argument[0].join(str(self.value(part)) for part in argument[1])
            if function == "Fn::If":
                return self.value(argument[1 if self.condition(argument[0]) else 2])
        return {key: value for key, value in ((key, self.value(part)) for key, part in node.items()) if value is not NOTHING}

    def named(self, name):
        if "." in name:
            resource, attribute = name.split(".", 1)
            return self.made[resource][attribute]
        return self.ref(name)

    def ref(self, name):
        if name == "AWS::NoValue":
            return NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.made[name]["Ref"]


def tags(properties, key="Key", value="Value"):
    found = properties.get("Tags", [])
    return [{key: tag["Key"], value: str(tag["Value"])} for tag in found]


def tag_map(properties):
    found = properties.get("Tags", {})
    return {tag["Key"]: str(tag["Value"]) for tag in found} if isinstance(found, list) else {key: str(value) for key, value in found.items()}


def without(properties, *keys):
    return {key: value for key, value in properties.items() if key not in keys}


class Services:
    """How each type is created. A creator returns what Ref and GetAtt give."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.clients = {}

    def __call__(self, service):
        if service not in self.clients:
            self.clients[service] = boto3.client(service, endpoint_url=self.endpoint, region_name=REGION)
        return self.clients[service]

    def bucket(self, p):
        name, s3 = p["BucketName"], self("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        rules = [{("ApplyServerSideEncryptionByDefault" if key == "ServerSideEncryptionByDefault" else key): value for key, value in rule.items()} for rule in p["BucketEncryption"]["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=p["PublicAccessBlockConfiguration"])
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=p["OwnershipControls"])
        lifecycle = []
        for rule in p["LifecycleConfiguration"]["Rules"]:
            made = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
            if "ExpirationInDays" in rule:
                made["Expiration"] = {"Days": rule["ExpirationInDays"]}
            if "AbortIncompleteMultipartUpload" in rule:
                made["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
            lifecycle.append(made)
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": lifecycle})
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags(p)})
        assert len(s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]) == len(lifecycle)
        assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
        return {"Ref": name, "Arn": f"arn:aws:s3:::{name}"}

    def bucket_policy(self, p):
        self("s3").put_bucket_policy(Bucket=p["Bucket"], Policy=json.dumps(p["PolicyDocument"]))
        return {"Ref": p["Bucket"]}

    def log_group(self, p):
        logs = self("logs")
        logs.create_log_group(logGroupName=p["LogGroupName"], tags=tag_map(p))
        logs.put_retention_policy(logGroupName=p["LogGroupName"], retentionInDays=int(p["RetentionInDays"]))
        return {"Ref": p["LogGroupName"], "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{p['LogGroupName']}:*"}

    def log_stream(self, p):
        self("logs").create_log_stream(logGroupName=p["LogGroupName"], logStreamName=p["LogStreamName"])
        return {"Ref": p["LogStreamName"]}

    def metric_filter(self, p):
        moved = [{"metricName": t["MetricName"], "metricNamespace": t["MetricNamespace"], "metricValue": t["MetricValue"], "unit": t["Unit"]} for t in p["MetricTransformations"]]
        name = p["MetricTransformations"][0]["MetricName"]
        self("logs").put_metric_filter(logGroupName=p["LogGroupName"], filterName=name, filterPattern=p["FilterPattern"], metricTransformations=moved)
        return {"Ref": name}

    def role(self, p, name):
        name = p.get("RoleName", f"test-{name}")
        iam = self("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(p["AssumeRolePolicyDocument"]), Tags=tags(p))
        for policy in p.get("Policies", []):
            iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=json.dumps(policy["PolicyDocument"]))
        return {"Ref": name, "Arn": made["Role"]["Arn"]}

    def function(self, p):
        kept = without(p, "Code", "Tags", "ReservedConcurrentExecutions")
        made = self("lambda").create_function(**kept, Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18}, Tags=tag_map(p))
        self("lambda").put_function_concurrency(FunctionName=p["FunctionName"], ReservedConcurrentExecutions=int(p["ReservedConcurrentExecutions"]))
        assert made["Architectures"] == p["Architectures"] and made["Timeout"] == p["Timeout"]
        return {"Ref": p["FunctionName"], "Arn": made["FunctionArn"]}

    def function_url(self, p):
        made = self("lambda").create_function_url_config(FunctionName=p["TargetFunctionArn"], AuthType=p["AuthType"])
        return {"Ref": p["TargetFunctionArn"], "FunctionUrl": made["FunctionUrl"]}

    def permission(self, p, name):
        self("lambda").add_permission(StatementId=name, **p)
        return {"Ref": name}

    def invoke_config(self, p):
        self("lambda").put_function_event_invoke_config(**p)
        return {"Ref": p["FunctionName"]}

    def stream(self, p):
        made = self("firehose").create_delivery_stream(**p)
        described = self("firehose").describe_delivery_stream(DeliveryStreamName=p["DeliveryStreamName"])["DeliveryStreamDescription"]
        destination = described["Destinations"][0]["ExtendedS3DestinationDescription"]
        assert destination["Prefix"] == p["ExtendedS3DestinationConfiguration"]["Prefix"]
        assert destination["ProcessingConfiguration"]["Processors"][0]["Type"] == "Lambda"
        return {"Ref": p["DeliveryStreamName"], "Arn": made["DeliveryStreamARN"]}

    def queue(self, p):
        sqs = self("sqs")
        attributes = {"SqsManagedSseEnabled": str(p["SqsManagedSseEnabled"]).lower(), "MessageRetentionPeriod": str(p["MessageRetentionPeriod"])}
        url = sqs.create_queue(QueueName=p["QueueName"], Attributes=attributes, tags=tag_map(p))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return {"Ref": url, "Arn": arn, "QueueName": p["QueueName"]}

    def queue_policy(self, p):
        for url in p["Queues"]:
            self("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(p["PolicyDocument"])})
        return {"Ref": p["Queues"][0]}

    def bus(self, p):
        self("events").create_partner_event_source(Name=p["EventSourceName"], Account=ACCOUNT)
        made = self("events").create_event_bus(**p)
        return {"Ref": p["Name"], "Arn": made["EventBusArn"]}

    def rule(self, p):
        events = self("events")
        made = events.put_rule(**without(p, "Targets", "EventPattern"), EventPattern=json.dumps(p["EventPattern"]))
        answer = events.put_targets(Rule=p["Name"], EventBusName=p["EventBusName"], Targets=p["Targets"])
        assert answer["FailedEntryCount"] == 0
        return {"Ref": p["Name"], "Arn": made["RuleArn"]}

    def archive(self, p):
        self("events").create_archive(**without(p, "SourceArn", "EventPattern"), EventSourceArn=p["SourceArn"], EventPattern=json.dumps(p["EventPattern"]))
        return {"Ref": p["ArchiveName"]}

    def schedule_group(self, p):
        self("scheduler").create_schedule_group(**p)
        return {"Ref": p["Name"]}

    def schedule(self, p):
        self("scheduler").create_schedule(**p)
        return {"Ref": p["Name"]}

    def database(self, p):
        self("glue").create_database(**p)
        return {"Ref": p["DatabaseInput"]["Name"]}

    def workgroup(self, p):
        self("athena").create_work_group(Name=p["Name"], Description=p["Description"], Configuration=p["WorkGroupConfiguration"], Tags=tags(p))
        kept = self("athena").get_work_group(WorkGroup=p["Name"])["WorkGroup"]["Configuration"]
        assert kept["BytesScannedCutoffPerQuery"] == p["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"]
        return {"Ref": p["Name"]}

    def topic(self, p):
        arn = self("sns").create_topic(Name=p["TopicName"], Tags=tags(p))["TopicArn"]
        return {"Ref": arn}

    def topic_policy(self, p):
        for topic in p["Topics"]:
            self("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(p["PolicyDocument"]))
        return {"Ref": p["Topics"][0]}

    def subscription(self, p):
        return {"Ref": self("sns").subscribe(**p)["SubscriptionArn"]}

    def alarm(self, p):
        self("cloudwatch").put_metric_alarm(**{**p, "Threshold": float(p["Threshold"]), "Tags": tags(p)})
        return {"Ref": p["AlarmName"]}

    def dashboard(self, p):
        json.loads(p["DashboardBody"])
        self("cloudwatch").put_dashboard(**p)
        return {"Ref": p["DashboardName"]}

    def budget(self, p):
        budget = {**p["Budget"], "BudgetLimit": {"Amount": str(p["Budget"]["BudgetLimit"]["Amount"]), "Unit": "USD"}}
        self("budgets").create_budget(AccountId=ACCOUNT, Budget=budget, NotificationsWithSubscribers=p["NotificationsWithSubscribers"], ResourceTags=p["ResourceTags"])
        return {"Ref": budget["BudgetName"]}

    def api(self, p):
        made = self("apigatewayv2").create_api(**p)
        return {"Ref": made["ApiId"]}

    def integration(self, p):
        return {"Ref": self("apigatewayv2").create_integration(**p)["IntegrationId"]}

    def route(self, p):
        return {"Ref": self("apigatewayv2").create_route(**p)["RouteId"]}

    def api_stage(self, p):
        self("apigatewayv2").create_stage(**p)
        return {"Ref": p["StageName"]}


CREATORS = {
    "AWS::S3::Bucket": "bucket", "AWS::S3::BucketPolicy": "bucket_policy", "AWS::Logs::LogGroup": "log_group", "AWS::Logs::LogStream": "log_stream",
    "AWS::Logs::MetricFilter": "metric_filter", "AWS::IAM::Role": "role", "AWS::Lambda::Function": "function", "AWS::Lambda::Url": "function_url",
    "AWS::Lambda::Permission": "permission", "AWS::Lambda::EventInvokeConfig": "invoke_config", "AWS::KinesisFirehose::DeliveryStream": "stream",
    "AWS::SQS::Queue": "queue", "AWS::SQS::QueuePolicy": "queue_policy", "AWS::Events::EventBus": "bus", "AWS::Events::Rule": "rule",
    "AWS::Events::Archive": "archive", "AWS::Scheduler::ScheduleGroup": "schedule_group", "AWS::Scheduler::Schedule": "schedule",
    "AWS::Glue::Database": "database", "AWS::Athena::WorkGroup": "workgroup", "AWS::SNS::Topic": "topic", "AWS::SNS::TopicPolicy": "topic_policy",
    "AWS::SNS::Subscription": "subscription", "AWS::CloudWatch::Alarm": "alarm", "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::Budgets::Budget": "budget", "AWS::ApiGatewayV2::Api": "api", "AWS::ApiGatewayV2::Integration": "integration",
    "AWS::ApiGatewayV2::Route": "route", "AWS::ApiGatewayV2::Stage": "api_stage",
}


def depends_on(node, names):
    if isinstance(node, list):
        return set().union(set(), *(depends_on(part, names) for part in node))
    if not isinstance(node, dict):
        return set()
    found = set()
    for key, part in node.items():
        if key == "Ref" and part in names:
            found.add(part)
        elif key == "Fn::GetAtt":
            found.add(part[0] if isinstance(part, list) else part.split(".")[0])
        elif key == "Fn::Sub" and isinstance(part, str):
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", part)} & names
        else:
            found |= depends_on(part, names)
    return found & names


def order(resources):
    names, done, ordered = set(resources), set(), []
    needs = {name: depends_on(body.get("Properties", {}), names) - {name} for name, body in resources.items()}
    while len(done) < len(names):
        ready = sorted(name for name in names - done if needs[name] <= done)
        assert ready, f"these refer to one another in a circle: {sorted(names - done)}"
        ordered += ready
        done |= set(ready)
    return ordered


def serve(log):
    server = subprocess.Popen([sys.executable, "-c", "import sys; from moto.server import main; main(sys.argv[1:])", "-H", "127.0.0.1", "-p", "0"], stdout=log, stderr=log)
    for _ in range(240):
        time.sleep(0.25)
        log.seek(0)
        found = re.search(r"Running on http://127\.0\.0\.1:(\d+)", log.read().decode(errors="replace"))
        if found:
            endpoint = f"http://127.0.0.1:{found[1]}"
            urllib.request.urlopen(f"{endpoint}/moto-api/data.json").read()
            return server, endpoint
        if server.poll() is not None:
            break
    raise SystemExit("moto's server did not start")


def main():
    template = transformed(os.path.join(ROOT, "infra", "template.yaml"))
    stack = Stack(template)
    resources = {name: body for name, body in template["Resources"].items() if "Condition" not in body or stack.condition(body["Condition"])}
    assert set(resources) == set(template["Resources"]), "some resource is never made by these parameters"
    made, refused, unreached = [], {}, {}
    with tempfile.TemporaryFile() as log:
        server, endpoint = serve(log)
        try:
            services = Services(endpoint)
            for name in order(resources):
                kind, properties = resources[name]["Type"], resources[name].get("Properties", {})
                creator = getattr(services, CREATORS[kind])
                try:
                    value = stack.value(properties)
                except KeyError as missing:
                    unreached[name] = f"{missing} was refused"
                    continue
                arguments = (value, name) if creator.__name__ in ("role", "permission") else (value,)
                try:
                    stack.made[name] = creator(*arguments)
                    made.append(name)
                except botocore.exceptions.ClientError as error:
                    refused[name] = str(error)
        finally:
            server.terminate()
            server.wait()
    print(f"{len(made)} of {len(resources)} resources were created, each through its service's own API")
    for name, reason in sorted(refused.items()):
        print(f"refused: {name} ({resources[name]['Type']}): {reason}; {MAY_BE_REFUSED.get(name, 'unexpected')}")
    for name, reason in sorted(unreached.items()):
        print(f"not reached: {name} ({resources[name]['Type']}): {reason}")
    unexpected = (set(refused) | set(unreached)) - set(MAY_BE_REFUSED)
    if unexpected:
        raise SystemExit(f"failed: {', '.join(sorted(unexpected))}")


if __name__ == "__main__":
    main()
