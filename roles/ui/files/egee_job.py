# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs on the grid: submit, status, output, cancel and clear ask the WMS, history asks the LB.

A job is described in TOML; see /usr/share/egee.box/examples/hello.toml. Every command works with the VOMS proxy
that voms-proxy-init makes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import sys
import tarfile
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from grid_delegation import CERTIFICATE, DelegationError, sign

CONFIGURATION = Path(os.environ.get("EGEE_UI_CONF", "/etc/egee-ui.json"))
# What of an event says nothing new in the history of its job.
HIDDEN = ("vo", "fqans")
# Seconds that an answer may take.
PATIENCE = 900


class Failed(Exception):
    """What the user is told instead of an answer."""


def proxy_file() -> Path:
    file = Path(os.environ.get("X509_USER_PROXY") or f"/tmp/x509up_u{os.getuid()}")
    if not file.exists():
        raise Failed(f"no proxy in {file}; get one with voms-proxy-init --voms VO")
    return file


class Service:
    """A service of the grid that knows its users by their certificates."""

    def __init__(self, server: str, proxy: Path, anchors: str) -> None:
        self.server = server
        context = ssl.create_default_context(capath=anchors)
        context.load_cert_chain(proxy)
        # There the verdict on the client is a part of the handshake; in TLS 1.3 it comes later, and may be lost.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        host, _colon, port = server.partition(":")
        self.connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=PATIENCE)

    def ask(self, method: str, path: str, body: Any = None, size: int | None = None) -> http.client.HTTPResponse:
        """The answer, if it is not a refusal."""
        try:
            headers = {} if size is None else {"Content-Length": str(size)}
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{self.server}: {error}") from error
        if answer.status >= 300:
            content = answer.read()
            try:
                why = json.loads(content)["error"]
            except (ValueError, KeyError):
                why = content.decode("utf-8", "replace")
            raise Failed(f"{self.server}: {answer.status} {why}")
        return answer

    def get(self, method: str, path: str, body: Any = None, size: int | None = None) -> Any:
        return json.load(self.ask(method, path, body, size))


def described(file: Path) -> dict[str, Any]:
    """A job description. The executable, if it lies beside it, is an input without saying so."""
    try:
        given = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Failed(f"{file}: {error}") from error
    executable = given.get("executable", "")
    inputs = given.setdefault("inputs", [])
    if isinstance(inputs, list) and isinstance(executable, str) and executable and executable[0] != "/":
        given["inputs"] = list(dict.fromkeys([executable, *inputs]))
    if isinstance(given.get("ce"), str):
        given["ce"] = [given["ce"]]
    return given


def submit(wms: Service, given: argparse.Namespace) -> None:
    proxy = proxy_file()
    for file in given.description:
        wanted = described(file)
        for _number in range(given.count):
            job = wms.get("POST", "/jobs", json.dumps(wanted))
            for name in wanted["inputs"]:
                path = file.parent / name
                try:
                    size = path.stat().st_size
                    if size > job["input_limit"]:
                        raise Failed(f"{path}: {size} bytes are more than {job['input_limit']}; keep it on an SE")
                    with path.open("rb") as content:
                        wms.get("PUT", f"/jobs/{job['id']}/inputs/{quote(name)}", content, size)
                except OSError as error:
                    raise Failed(f"{path}: {error}") from error
            wms.get("PUT", f"/jobs/{job['id']}/proxy", sign(job["request"], proxy))
            print(job["id"], flush=True)


def line_of(job: dict[str, Any]) -> str:
    since = time.strftime("%F %T", time.localtime(job["since"]))
    code = "" if job.get("exit_code") is None else f"exit code {job['exit_code']}"
    more = "  ".join(part for part in (job.get("ce", ""), code, job.get("reason", "")) if part)
    return f"{job['id']}  {job['state']:<10}  {since}  {more}".rstrip()


def status(wms: Service, given: argparse.Namespace) -> None:
    jobs = [wms.get("GET", f"/jobs/{quote(job)}") for job in given.job] or wms.get("GET", "/jobs")["jobs"]
    if given.json:
        print(json.dumps(jobs, indent=1))
    else:
        for job in jobs:
            print(line_of(job))


def output(wms: Service, given: argparse.Namespace) -> None:
    for job in given.job:
        to = given.directory / job
        to.mkdir(parents=True)
        with tarfile.open(fileobj=wms.ask("GET", f"/jobs/{quote(job)}/output"), mode="r|") as tar:
            tar.extractall(to, filter="data")
        # Only now, for it is here.
        if not given.keep:
            wms.get("DELETE", f"/jobs/{quote(job)}")
        print(to)


def history(lb: Service, given: argparse.Namespace) -> None:
    jobs = [lb.get("GET", f"/jobs/{quote(job)}") for job in given.job] or lb.get("GET", "/jobs")["jobs"]
    if given.json:
        print(json.dumps(jobs, indent=1))
        return
    for job in jobs:
        print(line_of(job))
        for event in job.get("events", []):
            moment = time.strftime("%F %T", time.localtime(event["at"]))
            parts = {"ce_job": event["ce_job"], "batch_job": event["batch_job"], **event["data"]}
            details = "  ".join(
                f"{key}={value}" for key, value in parts.items() if key not in HIDDEN and value is not None
            )
            print(f"  {moment}  {event['source']:<5}  {event['type']:<13}  {event['host']}  {details}".rstrip())


def cancel(wms: Service, given: argparse.Namespace) -> None:
    for job in given.job:
        print(line_of(wms.get("POST", f"/jobs/{quote(job)}/cancel")))


def clear(wms: Service, given: argparse.Namespace) -> None:
    for job in given.job:
        print(line_of(wms.get("DELETE", f"/jobs/{quote(job)}")))


def arguments(known: dict[str, Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wms", default=known.get("wms"), help="the WMS, host:port (default: %(default)s)")
    parser.add_argument("--lb", default=known.get("lb"), help="the LB, host:port (default: %(default)s)")
    parser.set_defaults(service="wms")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("submit", help="submit jobs; prints the name of each")
    one.add_argument("description", type=Path, nargs="+", help="description of a job, in TOML")
    one.add_argument("--count", type=int, default=1, help="how many of each")
    one.set_defaults(run=submit)
    one = commands.add_parser("status", help="show how far jobs have come, by default all of yours")
    one.add_argument("job", nargs="*")
    one.add_argument("--json", action="store_true", help="all that is known, for programs")
    one.set_defaults(run=status)
    one = commands.add_parser(
        "history", help="show what the LB knows of jobs: their states, or of those named all events"
    )
    one.add_argument("job", nargs="*")
    one.add_argument("--json", action="store_true", help="all that is known, for programs")
    one.set_defaults(run=history, service="lb")
    one = commands.add_parser("output", help="fetch the output of jobs that are done, and clear them")
    one.add_argument("job", nargs="+")
    one.add_argument("--directory", type=Path, default=Path(), help="where, in a directory a job (default: here)")
    one.add_argument("--keep", action="store_true", help="do not clear")
    one.set_defaults(run=output)
    one = commands.add_parser("cancel", help="end jobs")
    one.add_argument("job", nargs="+")
    one.set_defaults(run=cancel)
    one = commands.add_parser("clear", help="throw away jobs that are over, and their output")
    one.add_argument("job", nargs="+")
    one.set_defaults(run=clear)
    return parser


def main() -> int:
    known = json.loads(CONFIGURATION.read_text()) if CONFIGURATION.exists() else {}
    given = arguments(known).parse_args()
    try:
        server = getattr(given, given.service)
        if not server:
            raise Failed(f"no {given.service.upper()} is known here; name one with --{given.service} host:port")
        proxy = proxy_file()
        if not CERTIFICATE.search(proxy.read_text()):
            raise Failed(f"{proxy} holds no certificate")
        given.run(Service(server, proxy, known.get("anchors", "/etc/grid-security/certificates")), given)
    except (Failed, DelegationError, OSError) as failure:
        print(f"egee-job: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
