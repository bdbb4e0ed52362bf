//! The benches: what each measures, and the example that does it. None of them asserts a time.

use std::path::Path;

use anyhow::Context as _;

use crate::stage::{cargo, say, succeed};

struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    measures: &'static str,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "office",
        package: "noroshi",
        example: "bench_office",
        measures: "changes a second through the one door, each durable before it is answered",
    },
    Bench {
        name: "evidence",
        package: "noroshi",
        example: "bench_evidence",
        measures: "import, edges at a hub, first pages and correlation as the graph grows; --objects N --hub N --python PATH",
    },
    Bench {
        name: "correlate",
        package: "noroshi-insight",
        example: "correlate_rate",
        measures: "observables correlated from nothing, bytes and seconds; give how many, several to see the growth",
    },
    Bench {
        name: "sift",
        package: "noroshi-sift",
        example: "sift_rate",
        measures: "telemetry records a second against lists of selectors, and their index; beside DuckDB with --python PATH",
    },
    Bench {
        name: "hunt",
        package: "noroshi-hunt",
        example: "hunt_rate",
        measures: "stored records a second against lists of addresses; beside DuckDB with --python PATH",
    },
    Bench {
        name: "misp",
        package: "noroshi-codec",
        example: "misp_rate",
        measures: "attributes of MISP events a second, to STIX and back; `--peer PYTHON` sets misp-stix beside it",
    },
    Bench {
        name: "stix",
        package: "noroshi-codec",
        example: "stix_rate",
        measures: "bundles of STIX objects, read and checked; give a file or take the made-up one",
    },
    Bench {
        name: "pattern",
        package: "noroshi-evidence",
        example: "pattern_rate",
        measures: "patterns tried on observed-data, beside stix2-matcher with NOROSHI_PEER_PYTHON or --python PATH",
    },
    Bench {
        name: "validate",
        package: "noroshi-evidence",
        example: "validate_rate",
        measures: "objects held against the rules of STIX 2.1; give a file or take the made-up ones",
    },
    Bench {
        name: "taxii",
        package: "noroshi",
        example: "bench_taxii",
        measures: "a page of a TAXII collection whatever its size (--sizes); beside medallion's with --python PATH",
    },
];

impl Bench {
    fn source(&self) -> String {
        format!("crates/{}/examples/{}.rs", self.package, self.example)
    }
}

/// Prints the table, and says of each whether its source is in this tree.
pub(crate) fn list(root: &Path) {
    for bench in BENCHES {
        let source = bench.source();
        let there = if root.join(&source).is_file() { "" } else { " (not in this tree)" };
        say(&format!("{:8} {}\n         {source}{there}", bench.name, bench.measures));
    }
}

/// Runs one, optimised, with the arguments that follow its name.
pub(crate) fn run(root: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let bench = find(name)?;
    let source = bench.source();
    anyhow::ensure!(
        root.join(&source).is_file(),
        "bench `{name}` needs `{source}`, which is not in this tree"
    );
    let mut command = cargo(root);
    command.args([
        "run",
        "--release",
        "--package",
        bench.package,
        "--example",
        bench.example,
        "--",
    ]);
    command.args(arguments);
    if name == "pattern" && !arguments.contains(&"--python") {
        // The peer is another program of another language; only the caller knows where it is.
        if let Some(python) = std::env::var_os("NOROSHI_PEER_PYTHON") {
            command.arg("--python").arg(python);
        }
    }
    succeed(&mut command)
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
            assert_eq!(find(bench.name).unwrap().example, bench.example);
        }
        let refusal = find("nothing").err().unwrap().to_string();
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        assert_eq!(refusal, format!("there is no bench `nothing`; there are {}", names.join(", ")));
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        assert_eq!(refusal, format!("there is no bench `nothing`; there are {}", names.join(", ")));
    }
}
