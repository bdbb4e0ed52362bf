//! Is the tree fit to hand on? The chores of this repository, one command each: `cargo xtask help`.
//!
//! Invariants: what runs in CI is `cargo xtask test` and nothing else; a rule about the tree is a function in
//! [`tidy`] with a test that breaks it; no assertion depends on how long something took.

mod bench;
mod code;
mod generate;
mod rules;
mod servers;
mod stage;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};

use stage::{Stages, cargo, found, say, succeed};

const HELP: &str = "\
cargo xtask check [--without-servers]   everything: fmt, clippy, doc, tidy, test, generated documents; deny and typos
                                        where installed
cargo xtask test [--without-servers]    what CI runs: set up the test servers, fmt, tidy, cargo test
cargo xtask tidy                        the rules of this tree
cargo xtask bench [NAME [ARGS…]]        run a bench; alone, list them
cargo xtask generate [--check]          write the generated documents; with --check, compare only
cargo xtask package OUT                 build the program and pack a sensor for Debian around it
cargo xtask help                        this text

--without-servers  do not look for the browser, name server, packet filter and Python that some tests drive;
                   those tests then say that they did not run";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("xtask: {failure:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let root = root()?;
    match arguments {
        ["check", rest @ ..] => check(&root, with_servers(rest)?),
        ["test", rest @ ..] => test(&root, with_servers(rest)?),
        ["tidy"] => tidy::run(&root),
        ["bench"] => {
            bench::list(&root);
            Ok(())
        }
        ["bench", name, rest @ ..] => bench::run(&root, name, rest),
        ["generate"] => generate::run(&root, generate::Mode::Write),
        ["generate", "--check"] => generate::run(&root, generate::Mode::Check),
        ["package", out] => package(&root, out),
        [] | ["help" | "--help" | "-h"] => {
            say(HELP);
            Ok(())
        }
        other => bail!("`{}` is not something this does; see `cargo xtask help`", other.join(" ")),
    }
}

fn with_servers(flags: &[&str]) -> anyhow::Result<bool> {
    match flags {
        [] => Ok(true),
        ["--without-servers"] => Ok(false),
        other => {
            bail!("`{}` is not understood; the one flag is --without-servers", other.join(" "))
        }
    }
}

/// The root of the checkout, looked for upwards from where the command was typed.
///
/// Not baked in at build time: a target folder shared between clones would point to another clone.
fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .context("this is not inside a checkout: no folder above has `xtask/Cargo.toml`")
}

/// The program for production, and the package around it.
fn package(root: &Path, out: &str) -> anyhow::Result<()> {
    let mut build = cargo(root);
    build.args(["build", "--release", "--package", "noroshi", "--bin", "noroshi"]);
    succeed(&mut build)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut pack = Command::new(root.join("packaging/sensor/build.sh"));
    pack.arg(target.join("release/noroshi")).args([env!("CARGO_PKG_VERSION"), out]);
    succeed(&mut pack)
}

/// What CI runs.
fn test(root: &Path, servers: bool) -> anyhow::Result<()> {
    let mut stages = Stages::default();
    let ready = stages.run("set-up", || servers::prepare(root, servers));
    let Some(ready) = ready else { return stages.finish() };
    stages.run("fmt", || fmt(root));
    stages.run("tidy", || tidy::run(root));
    stages.run("cargo test", || cargo_test(root, &ready));
    stages.finish()
}

/// What a developer runs before handing on.
fn check(root: &Path, servers: bool) -> anyhow::Result<()> {
    let mut stages = Stages::default();
    let ready = stages.run("set-up", || servers::prepare(root, servers));
    let Some(ready) = ready else { return stages.finish() };
    stages.run("fmt", || fmt(root));
    stages.run("tidy", || tidy::run(root));
    stages.run("clippy", || {
        succeed(cargo(root).args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    stages.run("doc", || {
        let mut doc = cargo(root);
        doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
        succeed(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    stages.run("cargo test", || cargo_test(root, &ready));
    stages.run("generate --check", || generate::run(root, generate::Mode::Check));
    if_installed(&mut stages, root, "cargo-deny", &["deny", "--workspace", "check"]);
    if_installed(&mut stages, root, "typos", &[]);
    stages.finish()
}

fn fmt(root: &Path) -> anyhow::Result<()> {
    succeed(cargo(root).args(["fmt", "--all", "--check"]))
}

fn cargo_test(root: &Path, ready: &servers::Ready) -> anyhow::Result<()> {
    let mut test = cargo(root);
    test.args(["test", "--workspace", "--no-fail-fast"]);
    for (name, value) in ready.environment() {
        test.env(name, value);
    }
    succeed(&mut test)
}

/// Runs a tool that not every machine has; its absence is said, and is no failure.
fn if_installed(stages: &mut Stages, root: &Path, program: &str, arguments: &[&str]) {
    if found(program).is_none() {
        let package = if program == "typos" { "typos-cli" } else { program };
        stages.skip(
            program,
            &format!("not installed; get it with `cargo install --locked {package}`"),
        );
        return;
    }
    stages.run(program, || {
        if program == "typos" {
            succeed(Command::new(program).current_dir(root))
        } else {
            succeed(cargo(root).args(arguments))
        }
    });
}
