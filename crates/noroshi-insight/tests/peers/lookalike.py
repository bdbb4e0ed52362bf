"""What dnstwist generates for protected names, and how much of a list of real imitations that covers.

Arguments: file of protected names, file of imitations, each one name a line. Needs dnstwist 20250130 and tld.
Prints a line for each dictionary of suffixes: what, names generated, imitations covered, CPU seconds, tab separated.
"""

import importlib.metadata
import os
import resource
import sys

import dnstwist


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def suffixes_of(name):
    """Lists that come with dnstwist, where they do; they are data files beside the module."""
    base = os.path.dirname(dnstwist.__file__)
    for folder in ("dictionaries", os.path.join("..", "dictionaries")):
        path = os.path.join(base, folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as lines:
                return {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    return set()


def all_suffixes():
    """Top-level domains out of the public suffix list that package tld brings."""
    import tld.utils
    from tld.base import Registry  # noqa: F401
    base = os.path.join(os.path.dirname(tld.utils.__file__), "res")
    found = set()
    for file in sorted(os.listdir(base)):
        if file.endswith(".dat.txt"):
            with open(os.path.join(base, file), encoding="utf-8") as lines:
                for line in lines:
                    line = line.strip()
                    if "END ICANN" in line:
                        break
                    if line and not line.startswith(("//", "!", "*")) and "." not in line:
                        found.add(line.encode("idna").decode() if not line.isascii() else line)
    return found


def run(what, protected, imitations, suffixes):
    begun = cpu()
    generated, covered = 0, set()
    for name in protected:
        fuzzer = dnstwist.Fuzzer(name, tld_dictionary=sorted(suffixes))
        fuzzer.generate()
        made = {entry["domain"] for entry in fuzzer.domains} - {name}
        generated += len(made)
        covered |= made & imitations
    print(f"dnstwist {importlib.metadata.version('dnstwist')}, {what}", generated, len(covered), round(cpu() - begun, 1), sep="\t")


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        protected = [line.strip() for line in lines if line.strip()]
    with open(sys.argv[2], encoding="utf-8") as lines:
        imitations = {line.strip() for line in lines if line.strip()}
    run("as it comes", protected, imitations, set())
    abused = suffixes_of("abused_tlds.dict") | suffixes_of("common_tlds.dict")
    if abused:
        run(f"its {len(abused)} suffixes", protected, imitations, abused)
    every = all_suffixes()
    if every:
        run(f"all {len(every)} top-level domains", protected, imitations, every)


main()
