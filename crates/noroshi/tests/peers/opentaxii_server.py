"""OpenTAXII 0.9.3, EclecticIQ's TAXII server, over a database in a file of its own.

Takes the number of objects it holds at the start, and `mended` or `as-released`. Says its port on a line and ends when its
standard input does. Its user is `admin` with the password `x`.

Two things of the released one are not the standard's. It answers 500 where the list of collections is asked for, because it
reads identifiers as objects that its own writer of JSON does not know: here they are always read as the texts they are. And
it writes the type of an object where its `spec_version` belongs: `mended` writes what is held.
"""

import json
import logging
import os
import sys
import tempfile
import threading
import uuid

import structlog
import yaml
from opentaxii.config import ServerConfig
from opentaxii.middleware import create_app
from opentaxii.persistence.sqldb.common import GUID
from opentaxii.server import TAXIIServer
from werkzeug.serving import make_server


def as_text(_, value, dialect):
    return value if value is None else str(uuid.UUID(str(value)))


GUID.process_result_value = as_text


def held(number):
    return {
        "type": "malware",
        "spec_version": "2.1",
        "id": "malware--1b6ea7d9-2b0f-4f55-8f0a-%012x" % number,
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": "m%d" % number,
        "is_family": True,
    }


def with_versions(response):
    body = response.get_json(silent=True, force=True)
    if isinstance(body, dict) and "objects" in body:
        for one in body["objects"]:
            if one.get("spec_version") == one.get("type"):
                one["spec_version"] = "2.1"
        response.set_data(json.dumps(body))
    return response


def configured():
    place = tempfile.mkdtemp()
    database = {"create_tables": True, "db_connection": "sqlite:///%s/data.db?check_same_thread=False" % place}
    accounts = {
        "create_tables": True,
        "db_connection": "sqlite:///%s/auth.db?check_same_thread=False" % place,
        "secret": "of a test",
    }
    config = {
        "domain": "127.0.0.1",
        "auth_api": {"class": "opentaxii.auth.sqldb.SQLDatabaseAPI", "parameters": accounts},
        "taxii1": None,
        "taxii2": {
            "title": "OpenTAXII",
            "public_discovery": False,
            "max_content_length": 9765625,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
                "parameters": database,
            },
        },
    }
    path = os.path.join(place, "opentaxii.yml")
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file)
    return ServerConfig(extra_configs=[path])


def main():
    logging.disable(logging.CRITICAL)
    # What it says of itself must not stand before the port.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    count = int(sys.argv[1])
    server = TAXIIServer(configured())
    # Its own set-up of words, which is done by now, writes to standard output as well.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app = create_app(server)
    if sys.argv[2] == "mended":
        app.after_request(with_versions)
    with app.app_context():
        server.auth.api.create_account("admin", "x", is_admin=True)
        store = server.servers.taxii2.persistence.api
        root = store.add_api_root("Root", default=True)
        collection = store.add_collection(root.id, "Lantern", alias="lantern")
        store.add_objects(root.id, collection.id, [held(number) for number in range(count)])
    listening = make_server("127.0.0.1", 0, app, threaded=False)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    print(listening.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
