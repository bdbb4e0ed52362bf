//! The servers and clients that tests drive: what they are, whether they are here, and how to get them.
//!
//! A test that needs one reads `NOROSHI_TEST_SERVERS`: under `required` a missing program is a failure; otherwise the
//! test prints which program it lacks and passes. Foreign Python clients live in the folder `NOROSHI_TEST_VENV` names, OpenTAXII
//! in the one of `NOROSHI_TEST_OPENTAXII`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::stage::{SUPERUSER_FOLDERS, found, printed, say, succeed};

/// A Debian package some test needs.
struct Need {
    package: &'static str,
    probe: Probe,
    purpose: &'static str,
}

/// How to see that it is installed.
enum Probe {
    /// A program on the search path or among the superuser's.
    Program(&'static str),
    /// A header of the C library, without which a C compiler compiles nothing.
    File(&'static str),
    /// A font file below the system's fonts whose name begins so.
    Font(&'static str),
    /// Modules the system's Python can import.
    Python(&'static str),
}

const NEEDS: &[Need] = &[
    Need {
        package: "gcc",
        probe: Probe::Program("gcc"),
        purpose: "compiling the store's C library",
    },
    Need {
        package: "libc6-dev",
        probe: Probe::File("/usr/include/stdlib.h"),
        purpose: "compiling the store's C library",
    },
    Need { package: "git", probe: Probe::Program("git"), purpose: "listing the tree for tidy" },
    Need {
        package: "chromium",
        probe: Probe::Program("chromium"),
        purpose: "using the pages as people do",
    },
    Need {
        package: "chromium-driver",
        probe: Probe::Program("chromedriver"),
        purpose: "steering the browser",
    },
    Need {
        package: "fonts-noto-cjk",
        probe: Probe::Font("NotoSansCJK"),
        purpose: "pages in Japanese",
    },
    Need {
        package: "nftables",
        probe: Probe::Program("nft"),
        purpose: "a real packet filter to block with",
    },
    Need {
        package: "iproute2",
        probe: Probe::Program("ip"),
        purpose: "addresses inside a name space",
    },
    Need {
        package: "util-linux",
        probe: Probe::Program("unshare"),
        purpose: "a network name space of the test's own",
    },
    Need {
        package: "bind9",
        probe: Probe::Program("named"),
        purpose: "a real name server that loads a policy zone",
    },
    Need {
        package: "bind9-utils",
        probe: Probe::Program("named-checkzone"),
        purpose: "a foreign judge of zone files",
    },
    Need {
        package: "bind9-dnsutils",
        probe: Probe::Program("dig"),
        purpose: "asking the name server",
    },
    Need {
        package: "python3",
        probe: Probe::Program("python3"),
        purpose: "foreign STIX and TAXII clients and servers",
    },
    Need {
        package: "python3-venv",
        probe: Probe::Python("venv, ensurepip"),
        purpose: "keeping those packages off the system",
    },
];

/// The foreign clients and servers, pinned: a new release must not change what a test means.
const PYTHON_CLIENTS: [&str; 3] = ["stix2==3.0.2", "taxii2-client==2.3.0", "medallion==3.0.0"];
const PYTHON_MODULES: &str = "stix2, taxii2client.v21, medallion";
/// OpenTAXII's last release, with what it ran on when it was released: with later ones it does not start or answers 500. It
/// has a folder of its own, because the others want newer ones.
const OPENTAXII: [&str; 6] = [
    "opentaxii==0.9.3",
    "SQLAlchemy==1.4.54",
    "Flask==2.2.5",
    "Werkzeug==2.2.3",
    "marshmallow==3.26.1",
    "structlog==24.4.0",
];
const OPENTAXII_MODULES: &str = "opentaxii.middleware, structlog, yaml";

/// What the tests are told.
#[derive(Debug)]
pub(crate) struct Ready {
    environment: Vec<(&'static str, OsString)>,
}

impl Ready {
    /// Variables to set for `cargo test`.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.environment.iter().map(|(name, value)| (*name, value))
    }
}

/// Sees to it that everything is here, or says exactly what is not.
pub(crate) fn prepare(root: &Path, servers: bool) -> anyhow::Result<Ready> {
    if !servers {
        say(
            "--without-servers: tests that drive a browser, a name server, a packet filter or Python say so and pass",
        );
        return Ok(Ready { environment: vec![("NOROSHI_TEST_SERVERS", "absent".into())] });
    }
    let missing = missing();
    if !missing.is_empty() {
        install(&missing)?;
    }
    let venv = target_folder(root).join("venv");
    python_packages(&venv, &PYTHON_CLIENTS, PYTHON_MODULES)?;
    let opentaxii = target_folder(root).join("venv-opentaxii");
    python_packages(&opentaxii, &OPENTAXII, OPENTAXII_MODULES)?;
    let foreign = PYTHON_CLIENTS.len() + OPENTAXII.len();
    say(&format!("{} packages and {foreign} Python packages are here", NEEDS.len()));
    Ok(Ready {
        environment: vec![
            ("NOROSHI_TEST_SERVERS", "required".into()),
            ("NOROSHI_TEST_VENV", venv.into()),
            ("NOROSHI_TEST_OPENTAXII", opentaxii.into()),
            ("PATH", search_path()?),
        ],
    })
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !need.probe.holds()).collect()
}

impl Probe {
    fn holds(&self) -> bool {
        match self {
            Self::Program(name) => found(name).is_some(),
            Self::File(path) => Path::new(path).is_file(),
            Self::Font(name) => has_font(Path::new("/usr/share/fonts"), name, FONT_DEPTH_MAX),
            Self::Python(modules) => imports(Path::new("python3"), modules),
        }
    }
}

/// How deep below the font folder to look; Debian puts fonts two folders down.
const FONT_DEPTH_MAX: usize = 4;

fn has_font(folder: &Path, name: &str, depth: usize) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            depth > 0 && has_font(&entry.path(), name, depth - 1)
        } else {
            entry.file_name().to_string_lossy().starts_with(name)
        }
    })
}

fn imports(python: &Path, modules: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", &format!("import {modules}")]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn install(needs: &[&Need]) -> anyhow::Result<()> {
    for need in needs {
        say(&format!("missing: {} ({})", need.package, need.purpose));
    }
    let packages: Vec<&str> = needs.iter().map(|need| need.package).collect();
    if !(is_debian() && is_root()) {
        bail!("{}", advice(&packages));
    }
    let mut update = apt_get();
    succeed(update.arg("update"))?;
    let mut install = apt_get();
    succeed(install.args(["install", "-y", "--no-install-recommends"]).args(&packages))?;
    let still: Vec<&str> = missing().iter().map(|need| need.package).collect();
    if still.is_empty() {
        Ok(())
    } else {
        bail!("installed, and yet not found: {}", still.join(" "))
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Another installation on the same machine ends at some time; waiting is better than failing.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
    command
}

fn advice(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!(
        "the packages above are missing. As root on Debian this command installs them:\n\n  \
         apt-get update && apt-get install -y --no-install-recommends {packages}\n\n\
         Without them, `--without-servers` runs the other tests"
    )
}

fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().any(|line| line == "ID=debian")
}

fn is_root() -> bool {
    printed(Command::new("id").arg("-u")).is_ok_and(|answer| answer.trim_ascii() == b"0")
}

fn python_packages(venv: &Path, packages: &[&str], modules: &str) -> anyhow::Result<()> {
    let python = venv.join("bin/python");
    if imports(&python, modules) {
        return Ok(());
    }
    say(&format!("installing {} into {}", packages.join(", "), venv.display()));
    // A half-made or outdated environment is made anew.
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    succeed(&mut pip).with_context(|| {
        format!(
            "{} cannot be installed; `--without-servers` runs the other tests",
            packages.join(", ")
        )
    })?;
    if imports(&python, modules) {
        Ok(())
    } else {
        bail!("installed, and yet Python cannot import {modules}")
    }
}

fn target_folder(root: &Path) -> PathBuf {
    // A relative folder counts from the root, where cargo is started.
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn search_path() -> anyhow::Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SUPERUSER_FOLDERS.iter().map(PathBuf::from));
    std::env::join_paths(folders).context("the search path has a folder with `:` in its name")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn packages_stand_once_and_say_what_for() {
        assert_eq!(
            NEEDS.iter().map(|need| need.package).collect::<BTreeSet<_>>().len(),
            NEEDS.len()
        );
        assert!(NEEDS.iter().all(|need| !need.purpose.is_empty()));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(!Probe::Program("no-such-program-anywhere").holds());
        assert!(!Probe::File("/no/such/file").holds());
        assert!(!Probe::Font("NoSuchFontAnywhere").holds());
        assert!(!Probe::Python("no_such_module_anywhere").holds());
    }

    #[test]
    fn the_advice_is_the_exact_command() {
        let text = advice(&["nftables", "bind9"]);
        assert!(
            text.contains(
                "apt-get update && apt-get install -y --no-install-recommends nftables bind9\n"
            ),
            "{text}"
        );
        assert!(text.contains("--without-servers"), "{text}");
    }

    #[test]
    fn without_servers_says_so_to_the_tests() {
        let ready = prepare(Path::new("/"), false).unwrap();
        assert_eq!(
            ready.environment().collect::<Vec<_>>(),
            [("NOROSHI_TEST_SERVERS", &OsString::from("absent"))]
        );
    }
}
