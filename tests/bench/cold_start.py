"""How long a function takes from the start of its process to its first answer, beside an empty function in Rust.

Serves the Runtime API as Lambda does, starts each binary again and again, all of them in turn, so that what else the
machine does weighs on all alike, and prints medians with quartiles and ratios:

    cargo build --profile lambda -p freshet-lambda --no-default-features --bins --example empty
    cargo build --release --bin freshet
    python3 tests/bench/cold_start.py target/lambda target/release/freshet --runs 40

`init` is from the start until the process asks for an event, `first` from there to its first answer, `warm` an answer
after that. The receiver's first answer holds the SDK's first connection, to Firehose on loopback. Secrets come from
the environment there; the rows with `SSM` read them from an SSM of this script's, as in AWS, which is a connection and a
call more within `init`. Neither is encrypted: in AWS each first connection is a handshake more.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time

SECRET = "hush"


class RuntimeApi(http.server.ThreadingHTTPServer):
    """One process's Runtime API: hands out events, and notes when it is called."""

    daemon_threads = True

    def __init__(self, events):
        super().__init__(("127.0.0.1", 0), Calls)
        self.events, self.moments, self.answers = events, [], []
        self.done = threading.Event()


class Quick(http.server.BaseHTTPRequestHandler):
    """Answers at once, and says nothing of it."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(6, 1, 1)  # TCP_NODELAY

    def answer(self, status, body, kind="application/json", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Calls(Quick):
    def do_GET(self):
        api = self.server
        api.moments.append(time.perf_counter())
        if not api.events:
            api.done.set()
            threading.Event().wait(5)
            return
        event = json.dumps(api.events.pop(0)).encode()
        headers = (
            ("Lambda-Runtime-Aws-Request-Id", f"00000000-0000-4000-8000-{len(api.moments):012}"),
            ("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench"),
            ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0"),
        )
        self.answer(200, event, headers=headers)

    def do_POST(self):
        api = self.server
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        api.moments.append(time.perf_counter())
        api.answers.append((self.path.rsplit("/", 1)[1], body))
        self.answer(202, b"")


def measure(binary, memory, variables, events, judge):
    """Seconds of one process: init, first answer, second answer."""
    api = RuntimeApi(list(events))
    threading.Thread(target=api.serve_forever, daemon=True).start()
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "_HANDLER": "bootstrap",
        **variables,
    }
    started = time.perf_counter()
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not api.done.wait(30):
            raise SystemExit(f"{binary} does not answer: {api.answers}")
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()
    for kind, body in api.answers:
        if kind != "response" or not judge(json.loads(body or b"null")):
            raise SystemExit(f"{binary} answers {kind}: {body[:300]}")
    asked, answered, again, answered_again = api.moments[:4]
    return asked - started, answered - asked, answered_again - again


class Aws(Quick):
    """What a function asks when it starts with secrets in SSM: the parameters, and Firehose."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        if operation == "GetParametersByPath":
            answer = {"Parameters": [{"Name": f"{request['Path']}/shopify", "Type": "SecureString", "Value": SECRET}]}
        elif operation == "GetParameter":
            answer = {"Parameter": {"Name": request["Name"], "Type": "SecureString", "Value": "k1=bench"}}
        elif operation == "PutRecordBatch":
            answer = {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "1"} for _ in request["Records"]]}
        else:
            raise SystemExit(f"asked for {operation}")
        self.answer(200, json.dumps(answer).encode(), "application/x-amz-json-1.1")


def url_event(place):
    body = json.dumps({"id": place, "updated_at": "2026-03-01T12:00:00Z", "currency": "EUR", "total_price": "1.10", "line_items": []})
    mac = base64.b64encode(hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()).decode()
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/webhooks/shopify",
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "x-shopify-hmac-sha256": mac,
            "x-shopify-topic": "orders/create",
            "x-shopify-shop-domain": "acme.myshopify.com",
            "x-shopify-webhook-id": f"bench-{place}",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "bench",
            "domainName": "bench",
            "domainPrefix": "bench",
            "http": {"method": "POST", "path": "/webhooks/shopify", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"},
            "requestId": f"bench-{place}",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Mar/2026:12:00:00 +0000",
            "timeEpoch": 1772366400000,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def firehose_event(place):
    """A batch of one record that is no delivery of ours: the transformer says so, without asking S3."""
    data = base64.b64encode(b'{"no": "envelope"}\n').decode()
    return {
        "invocationId": f"bench-{place}",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/bench",
        "region": "us-east-1",
        "records": [{"recordId": f"{place}", "approximateArrivalTimestamp": 1772366400000, "data": data}],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the functions' binaries are, with examples/empty below")
    parser.add_argument("freshet", help="the command, which serves Firehose and S3")
    parser.add_argument("--runs", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.freshet, "up", "--port", "0", "--webhook-port", "0", "--dir", folder, "--secret", f"shopify={SECRET}"]
        up = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            exported = {}
            for line in up.stdout:
                if line.strip() == "ready":
                    break
                if line.startswith("export "):
                    name, value = line.removeprefix("export ").strip().split("=", 1)
                    exported[name] = value
            aws = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Aws)
            aws.daemon_threads = True
            threading.Thread(target=aws.serve_forever, daemon=True).start()
            report(arguments, exported["AWS_ENDPOINT_URL"], exported["FRESHET_BUCKET"], f"http://127.0.0.1:{aws.server_address[1]}")
            aws.shutdown()
            aws.server_close()
        finally:
            up.terminate()
            up.wait()


def is_transformed(answer):
    return len(answer["records"]) == 1


def is_taken(answer):
    return answer["statusCode"] == 200


def report(arguments, endpoint, bucket, ssm):
    lake = {"AWS_ENDPOINT_URL": endpoint, "FRESHET_BUCKET": bucket}
    by_ssm = {"AWS_ENDPOINT_URL": ssm, "FRESHET_BUCKET": bucket}
    receiver = {**lake, "FRESHET_STREAM": "freshet", "FRESHET_SIGNING_SECRETS": f"shopify={SECRET}"}
    batches = [firehose_event(1), firehose_event(2)]
    deliveries = [url_event(1), url_event(2)]
    functions = {
        "empty": ("examples/empty", 128, {}, [{}, {}], lambda answer: answer is None),
        "transformer": ("transformer", 256, {**lake, "FRESHET_HASH_KEY": "k1=bench"}, batches, is_transformed),
        "transformer, SSM": ("transformer", 256, {**by_ssm, "FRESHET_HASH_KEY_PARAMETER": "/bench/hash-key"}, batches, is_transformed),
        "receiver": ("receiver", 128, receiver, deliveries, is_taken),
        "receiver, SSM": (
            "receiver",
            128,
            {**by_ssm, "FRESHET_STREAM": "freshet", "FRESHET_SIGNING_SECRETS_PATH": "/bench/signing-secrets"},
            deliveries,
            is_taken,
        ),
    }
    measured = {name: [] for name in functions}
    for run in range(arguments.runs + 1):
        for name, (path, *rest) in functions.items():
            times = measure(os.path.join(arguments.folder, path), *rest)
            # The first run reads the binaries from disk.
            if run > 0:
                measured[name].append((*times, times[0] + times[1]))
    print(f"{'milliseconds':16} {'init':>20} {'first':>20} {'warm':>20} {'start to answer':>20}")
    for name, times in measured.items():
        columns = []
        for column in zip(*times):
            low, middle, high = (1000 * quartile for quartile in statistics.quantiles(column, n=4))
            columns.append(f"{f'{middle:.1f} ({low:.1f}-{high:.1f})':>20}")
        print(f"{name:16} {' '.join(columns)}")
    total = {name: statistics.median(column[3] for column in times) for name, times in measured.items()}
    ratio, more = total["transformer"] / total["empty"], 1000 * (total["receiver"] - total["empty"])
    print(f"transformer: {ratio:.2f} times the empty function (at most 2); receiver: {more:.1f} ms more (at most 150)")
    if ratio > 2 or more > 150:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
