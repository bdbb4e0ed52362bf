"""OASIS' own client, unchanged, against a running server: url, user, password, identifiers of two collections.

Hands in a bundle, walks it in pages, polls by date, reads versions and manifest, takes back; then the same collection
through stix2's source and sink.
"""

import json
import sys

import stix2
from taxii2client.exceptions import AccessError
from taxii2client.v21 import ApiRoot, Server, as_pages

url, user, password, shelf, fixed = sys.argv[1:6]
server = Server(url, user=user, password=password)
root = server.default
assert isinstance(root, ApiRoot) and root.versions == ["application/taxii+json;version=2.1"], root.versions
by_id = {one.id: one for one in root.collections}
collection = by_id[shelf]
assert collection.can_read and collection.can_write, collection
assert by_id[fixed].can_read and not by_id[fixed].can_write

made = [
    stix2.v21.Indicator(name=f"i{number}", pattern="[domain-name:value = 'a%d.example']" % number,
                        pattern_type="stix", valid_from="2026-01-01T00:00:00Z")
    for number in range(12)
]
made.append(stix2.v21.Malware(name="m", is_family=False))


def envelope(*objects):
    return {"objects": [json.loads(one.serialize()) for one in objects]}


def hand_in(*objects):
    return collection.add_objects(envelope(*objects), wait_for_completion=True, poll_interval=0.2, timeout=60)


status = hand_in(*made)
assert (status.status, status.success_count, status.failure_count) == ("complete", 13, 0), status
assert root.get_status(status.id).success_count == 13

seen = []
for page in as_pages(collection.get_objects, per_request=5):
    assert len(page.get("objects", [])) <= 5
    seen += [one["id"] for one in page.get("objects", [])]
assert seen == [one.id for one in made], seen
manifest = [one for page in as_pages(collection.get_manifest, per_request=4) for one in page["objects"]]
assert [one["id"] for one in manifest] == seen

# Polling by date: only what came after.
last = manifest[-1]["date_added"]
assert collection.get_objects(added_after=last) == {}
newer = made[0].new_version(name="renamed")
hand_in(newer)
later = collection.get_objects(added_after=last)
assert [one["id"] for one in later["objects"]] == [newer.id], later
assert len(collection.object_versions(newer.id)["versions"]) == 2
assert collection.get_object(newer.id, version="first")["objects"][0]["name"] == "i0"
assert collection.get_objects(type="malware")["objects"][0]["id"] == made[-1].id

# Taking back.
collection.delete_object(newer.id, version="all")
try:
    collection.get_object(newer.id)
    raise SystemExit("a deleted object is still there")
except Exception as problem:
    assert "404" in str(problem), problem

# A wrong secret is told so; a collection that cannot be written is not written to.
try:
    Server(url, user=user, password="wrong").title
    raise SystemExit("a wrong secret was taken")
except Exception as problem:
    assert "401" in str(problem), problem
try:
    by_id[fixed].add_objects(envelope(made[1]))
    raise SystemExit("a collection for reading was written to")
except AccessError:
    pass

# stix2 on top of it.
sink = stix2.TAXIICollectionSink(collection)
tool = stix2.v21.Tool(name="t")
sink.add(stix2.v21.Bundle(tool))
source = stix2.TAXIICollectionSource(collection)
assert source.get(tool.id).name == "t"
found = {one.id for one in source.query([stix2.Filter("type", "=", "indicator")])}
assert found == {one.id for one in made[1:12]}, found
assert [one.id for one in source.all_versions(tool.id)] == [tool.id]
print("walked", len(seen))
