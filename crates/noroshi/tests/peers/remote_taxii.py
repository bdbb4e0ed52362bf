"""Points the view tests of OASIS' medallion at a running TAXII server, over HTTP.

A pytest plugin: the tests keep their own text. What they reach is no longer a Flask application in their own process
but the server whose address and credentials the control end point gives, a fresh one for each test. Tests that look
inside medallion (its configuration, its files, its memory) have nothing to say about another server and are left out.

TAXII_CONTROL: POST there gives {"url": …, "token": …} of a fresh server that holds medallion's default data.
TAXII_RESULTS: a file; one JSON line for each test.
"""

import base64
import http.client
import json
import os
import urllib.parse

import pytest

TYPE = "application/taxii+json;version=2.1"
INSIDE = {
    "test_no_config",
    "test_default_taxii_no_taxii_section",
    "test_default_userpass_no_auth_section",
    "test_default_backend_no_backend_section",
    "test_save_to_file",
    "test_status_cleanup",
}
HERE = {"place": None}
HEADERS = {}
POST_HEADERS = {}


class Answer:
    """What Flask's test client gives, as far as the tests look at it."""

    def __init__(self, response):
        self.status_code = response.status
        self.headers = response.headers
        self.content_type = response.headers.get("Content-Type")
        self.data = response.read()

    @property
    def json(self):
        return json.loads(self.data) if self.data else None


class Client:
    """What the tests call."""

    def _send(self, method, path, headers=None, data=None, follow_redirects=False):
        connection = http.client.HTTPConnection(HERE["place"], timeout=60)
        sent = {key: value for key, value in (headers or {}).items()}
        body = data.encode() if isinstance(data, str) else data
        connection.request(method, path, body=body, headers=sent)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, path, **more):
        return self._send("GET", path, **more)

    def post(self, path, **more):
        return self._send("POST", path, **more)

    def delete(self, path, **more):
        return self._send("DELETE", path, **more)


def fresh():
    control = urllib.parse.urlsplit(os.environ["TAXII_CONTROL"])
    connection = http.client.HTTPConnection(control.netloc, timeout=120)
    connection.request("POST", control.path)
    made = json.loads(connection.getresponse().read())
    HERE["place"] = urllib.parse.urlsplit(made["url"]).netloc
    secret = base64.b64encode(("admin:" + made["token"]).encode()).decode()
    HEADERS.update({"Accept": TYPE, "Authorization": "Basic " + secret})
    POST_HEADERS.update({**HEADERS, "Content-Type": TYPE})


def set_up(self, start_threads=True):
    self.client = Client()
    self.headers = HEADERS
    self.post_headers = POST_HEADERS


def pytest_configure(config):
    from medallion.test import base_test

    base_test.TaxiiTest.setUp = set_up
    base_test.TaxiiTest.tearDown = lambda self: None


def pytest_collection_modifyitems(config, items):
    items[:] = [
        item for item in items
        if item.originalname not in INSIDE and "mongo" not in item.name
    ]


@pytest.fixture(autouse=True)
def a_fresh_server():
    fresh()


def pytest_runtest_logreport(report):
    if report.when != "call" and report.outcome == "passed":
        return
    why = ""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        why = crash.message.splitlines()[0] if crash else str(report.longrepr)[-200:]
    line = {"test": report.nodeid.split("::")[-1].replace("[memory]", ""), "outcome": report.outcome, "why": why}
    with open(os.environ["TAXII_RESULTS"], "a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")
