"""A private S3 server whose users have policies: versitygw, with its IAM server beside it."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.s3server import await_listening

REGION = "us-east-1"


@dataclass(frozen=True)
class UsersServer:
    """Where it is, and how to make users."""

    s3: str
    iam: str
    root: tuple[str, str]
    bucket: str

    def client(self, service: str) -> Any:
        """boto3's client of `s3`, `iam` or `sts`, with the root's key."""
        key, secret = self.root
        url = self.s3 if service == "s3" else self.iam
        return boto3.client(
            service, endpoint_url=url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret
        )

    def user(self, name: str, policy: str, credentials: Path) -> dict[str, str]:
        """Make a user with that policy, in which BUCKET stands for the bucket; the variables by which boto3 is it.

        The keys are written to the file `credentials`, as AWS_SHARED_CREDENTIALS_FILE has them.
        """
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="dagy", PolicyDocument=policy.replace("BUCKET", self.bucket))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        credentials.write_text(
            f"[default]\naws_access_key_id = {made['AccessKeyId']}\naws_secret_access_key = {made['SecretAccessKey']}\n"
        )
        return {
            "AWS_ENDPOINT_URL": self.s3,
            "AWS_REGION": REGION,
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        }


@contextmanager
def users_server(folder: Path, bucket: str) -> Iterator[UsersServer]:
    """Serve `folder` until the block ends."""
    program, root = current_layout().bin / "versitygw", (secrets.token_hex(8), secrets.token_hex(16))
    s3_port, iam_port = free_port(), free_port()
    (folder / "data").mkdir()
    (folder / "iam").mkdir()
    environment = {"ROOT_ACCESS_KEY": root[0], "ROOT_SECRET_KEY": root[1], "PATH": "/usr/bin:/bin"}
    with ExitStack() as running:
        # A socket's path may have 107 characters, fewer than a test's folder.
        private = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="iam-"))) / "private.sock"
        commands = {
            "iam": (iam_port, ["iam", "--dir", str(folder / "iam"), "--private-ports", str(private)]),
            "s3": (s3_port, ["--iam-standalone-endpoint", str(private), "posix", str(folder / "data")]),
        }
        for name, (port, arguments) in commands.items():
            argv = ["setpriv", "--pdeathsig", "KILL", str(program), "--port", f"127.0.0.1:{port}", *arguments]
            log = running.enter_context((folder / f"{name}.log").open("wb"))
            process = running.enter_context(subprocess.Popen(argv, env=environment, stdout=log, stderr=log))
            running.callback(process.kill)
            await_listening(port, process, folder / f"{name}.log")
        server = UsersServer(f"http://127.0.0.1:{s3_port}", f"http://127.0.0.1:{iam_port}", root, bucket)
        server.client("s3").create_bucket(Bucket=bucket)
        yield server
