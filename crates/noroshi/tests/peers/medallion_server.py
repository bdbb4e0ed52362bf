"""medallion 3.0.0, the reference TAXII 2.1 server, over memory.

Takes the number of objects it holds at the start and how many of them a page gives at most. Says its port on a line and
ends when its standard input does. Its user is `admin` with the password `x`.
"""

import json
import logging
import os
import sys
import tempfile
import threading

from medallion import application_instance, register_blueprints, set_config
from werkzeug.serving import make_server

STIX = "application/stix+json;version=2.1"
TAXII = "application/taxii+json;version=2.1"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


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


def added(number, one):
    date = "2026-01-01T00:%02d:%02d.%06dZ" % (number // 60 % 60, number % 60, number)
    return {"date_added": date, "id": one["id"], "media_type": STIX, "version": one["modified"]}


def main():
    logging.disable(logging.CRITICAL)
    count, page = int(sys.argv[1]), int(sys.argv[2])
    objects = [held(number) for number in range(count)]
    collection = {
        "id": COLLECTION,
        "title": "Lantern",
        "can_read": True,
        "can_write": True,
        "media_types": [STIX],
        "objects": objects,
        "manifest": [added(number, one) for number, one in enumerate(objects)],
    }
    information = {"title": "Root", "versions": [TAXII], "max_content_length": 9765625}
    data = {
        "/discovery": {"title": "medallion", "default": "/r/", "api_roots": ["/r/"]},
        "r": {"information": information, "status": [], "collections": [collection]},
    }
    path = os.path.join(tempfile.mkdtemp(), "data.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file)
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": path}
    config = {"backend": backend, "users": {"admin": "x"}, "taxii": {"max_page_size": page}}
    for part in ("users", "taxii", "backend"):
        set_config(application_instance, part, config)
    register_blueprints(application_instance)
    server = make_server("127.0.0.1", 0, application_instance, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
