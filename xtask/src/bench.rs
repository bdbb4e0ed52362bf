//! The benches: what each measures, and the example that does it. None of them asserts a time.

use std::path::Path;

use anyhow::Context as _;

use crate::stage::{cargo, say, succeed};

struct Bench {
    name: &'static str,
    package: &'static str,
    /// One after the other, each with the same arguments.
    examples: &'static [&'static str],
    measures: &'static str,
}

/// What a package is built with where its bench does not need all of it: a query engine takes long to build.
const FEWER_FEATURES: &[(&str, &[&str])] = &[("noroshi-hunt", &["--no-default-features"])];

const BENCHES: &[Bench] = &[
    Bench {
        name: "office",
        package: "noroshi",
        examples: &["bench_office"],
        measures: "changes a second through the one door, each durable before it is answered",
    },
    Bench {
        name: "evidence",
        package: "noroshi",
        examples: &["bench_evidence"],
        measures: "import, edges at a hub, first pages and correlation as the graph grows; --objects N --hub N --python PATH",
    },
    Bench {
        name: "correlate",
        package: "noroshi-insight",
        examples: &["correlate_rate"],
        measures: "observables correlated from nothing, bytes and seconds; give how many, several to see the growth",
    },
    Bench {
        name: "influence",
        package: "noroshi-insight",
        examples: &["coordination_rate", "copies_rate", "lookalike_rate"],
        measures: "targets T1 to T14 of the detectors; --corpora DIR, --ids T1,T5, beside the peers with --python PATH",
    },
    Bench {
        name: "hunt",
        package: "noroshi-hunt",
        examples: &["hunt_rate"],
        measures: "stored records held against selectors; beside DuckDB with --python PATH",
    },
    Bench {
        name: "sift",
        package: "noroshi-sift",
        examples: &["sift_rate"],
        measures: "telemetry records a second against lists of selectors, and their index; beside DuckDB with --python PATH",
    },
    Bench {
        name: "sift-day",
        package: "noroshi",
        examples: &["bench_sift_day"],
        measures: "a sensor's service at its highest rate while lists are exchanged and logs rotated; --minutes N",
    },
    Bench {
        name: "misp",
        package: "noroshi-codec",
        examples: &["misp_rate"],
        measures: "attributes of MISP events a second, to STIX and back; `--peer PYTHON` sets misp-stix beside it",
    },
    Bench {
        name: "stix",
        package: "noroshi-codec",
        examples: &["stix_rate"],
        measures: "bundles of STIX objects, read and checked; give a file or take the made-up one",
    },
    Bench {
        name: "pattern",
        package: "noroshi-evidence",
        examples: &["pattern_rate"],
        measures: "patterns tried on observed-data, beside stix2-matcher with NOROSHI_PEER_PYTHON or --python PATH",
    },
    Bench {
        name: "validate",
        package: "noroshi-evidence",
        examples: &["validate_rate"],
        measures: "objects held against the rules of STIX 2.1; give a file or take the made-up ones",
    },
    Bench {
        name: "taxii",
        package: "noroshi",
        examples: &["bench_taxii"],
        measures: "a page of a TAXII collection whatever its size (--sizes); beside medallion's with --python PATH",
    },
];

/// Benches that run the program itself, which has to lie beside them.
const PROGRAM_NEEDED: &[&str] = &["sift-day"];

impl Bench {
    fn sources(&self) -> impl Iterator<Item = String> {
        self.examples.iter().map(|example| format!("crates/{}/examples/{example}.rs", self.package))
    }
}

/// Prints the table, and says of each whether its source is in this tree.
pub(crate) fn list(root: &Path) {
    for bench in BENCHES {
        say(&format!("{:9} {}", bench.name, bench.measures));
        for source in bench.sources() {
            let there = if is_there(root, &source) { "" } else { " (not in this tree)" };
            say(&format!("          {source}{there}"));
        }
    }
}

/// Runs one, optimised, with the arguments that follow its name.
pub(crate) fn run(root: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let bench = find(name)?;
    for source in bench.sources() {
        anyhow::ensure!(
            is_there(root, &source),
            "bench `{name}` needs `{source}`, which is not in this tree"
        );
    }
    if PROGRAM_NEEDED.contains(&bench.name) {
        let mut program = cargo(root);
        program.args(["build", "--release", "--package", bench.package, "--bins"]);
        succeed(&mut program)?;
    }
    bench.examples.iter().try_for_each(|example| run_example(root, bench, example, arguments))
}

fn run_example(
    root: &Path,
    bench: &Bench,
    example: &str,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let mut command = cargo(root);
    command.args(["run", "--release", "--package", bench.package, "--example", example]);
    let fewer = FEWER_FEATURES.iter().find(|(package, _)| *package == bench.package);
    command.args(fewer.map(|(_, flags)| *flags).unwrap_or_default()).arg("--");
    command.args(arguments);
    if bench.name == "pattern" && !arguments.contains(&"--python") {
        // The peer is another program of another language; only the caller knows where it is.
        if let Some(python) = std::env::var_os("NOROSHI_PEER_PYTHON") {
            command.arg("--python").arg(python);
        }
    }
    succeed(&mut command)
}

/// An example is a file, or a folder with a `main.rs`.
fn is_there(root: &Path, source: &str) -> bool {
    let folder = source.trim_end_matches(".rs");
    root.join(source).is_file() || root.join(folder).join("main.rs").is_file()
}

fn find(name: &str) -> anyhow::Result<&'static Bench> {
    BENCHES.iter().find(|bench| bench.name == name).with_context(|| {
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        format!("there is no bench `{name}`; there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_found_by_its_name() {
        for bench in BENCHES {
            assert_eq!(find(bench.name).unwrap().examples, bench.examples);
        }
        let refusal = find("nothing").err().unwrap().to_string();
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        assert_eq!(refusal, format!("there is no bench `nothing`; there are {}", names.join(", ")));
    }
}
