"""How many true pairs datasketch and rensa propose on the same normalised texts, and in how many CPU seconds.

Argument: a JSON file with `texts` (normalised) and `truth` (pairs of places). Prints one line a library and setting: 25 bands
of 5 with n-grams of 4 (3 in Japanese), and the bands, rows and n-grams of the profile `full`. Neither confirms pairs letter by letter, so RapidFuzz does that for both and
its time is shown apart.
"""
import json
import sys
import time
from itertools import product

from rapidfuzz.distance import Levenshtein

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
texts, truth = given["texts"], {tuple(pair) for pair in given["truth"]}
# Bands, rows, n-gram, n-gram of East Asian text.
SETTINGS = ((25, 5, 4, 3), (60, 2, 5, 2))


def grams(text):
    east = sum(1 for c in text if "\u3041" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af")
    n = EAST if east * 10 >= len(text) * 3 else GRAM
    return {text[at:at + n] for at in range(max(1, len(text) - n + 1))}


def with_datasketch():
    from datasketch import MinHash, MinHashLSH
    lsh = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    pairs = set()
    for at, text in enumerate(texts):
        if len(text.encode()) < 30:
            continue
        minhash = MinHash(num_perm=BANDS * ROWS)
        minhash.update_batch([gram.encode() for gram in grams(text)])
        pairs.update((other, at) for other in lsh.query(minhash))
        lsh.insert(at, minhash)
    return pairs


def with_rensa():
    from rensa import RMinHash, RMinHashLSH
    lsh = RMinHashLSH(threshold=0.5, num_perm=BANDS * ROWS, num_bands=BANDS)
    pairs = set()
    for at, text in enumerate(texts):
        if len(text.encode()) < 30:
            continue
        minhash = RMinHash(num_perm=BANDS * ROWS, seed=42)
        minhash.update(sorted(grams(text)))
        pairs.update((other, at) for other in lsh.query(minhash))
        lsh.insert(at, minhash)
    return pairs


for (BANDS, ROWS, GRAM, EAST), (name, run) in product(
    SETTINGS, (("datasketch", with_datasketch), ("rensa", with_rensa))
):
    try:
        start = time.process_time()
        pairs = run()
        searched = time.process_time()
    except Exception as wrong:  # a peer that fails is a result too
        print(f"{name}: failed: {type(wrong).__name__}: {wrong}")
        continue
    above = {
        pair for pair in pairs
        if Levenshtein.normalized_similarity(texts[pair[0]], texts[pair[1]], score_cutoff=0.693) > 0.693
    }
    parent = list(range(len(texts)))

    def root(at):
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for left, right in above:
        parent[root(left)] = root(right)
    joined = sum(1 for left, right in truth if root(left) == root(right))
    print(
        f"{name} {BANDS}x{ROWS}: {len(above & truth) / max(1, len(truth)):.4f} of the pairs proposed, "
        f"{joined / max(1, len(truth)):.4f} in one cluster, {len(pairs)} candidates, "
        f"{searched - start:.2f} CPU s search, {time.process_time() - searched:.2f} CPU s confirming"
    )
