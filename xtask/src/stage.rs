//! Stages with a name and a duration, and the processes they start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Tells the person at the terminal something.
#[expect(clippy::print_stderr, reason = "the one place where xtask talks")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// What became of the stages so far.
#[derive(Default)]
pub(crate) struct Stages {
    done: Vec<Done>,
}

struct Done {
    name: String,
    took: Duration,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl Stages {
    /// Runs a stage. A failure is said at once and remembered, so that the later stages still report theirs.
    pub(crate) fn run<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> Option<T> {
        say(&format!("\n== {name}"));
        let begun = Instant::now();
        let answer = work();
        if let Err(failure) = &answer {
            say(&format!("{name}: {failure:#}"));
        }
        let outcome = if answer.is_ok() { Outcome::Passed } else { Outcome::Failed };
        self.done.push(Done { name: name.to_owned(), took: begun.elapsed(), outcome });
        answer.ok()
    }

    /// Remembers a stage that did not run, and why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        let outcome = Outcome::Skipped(why.to_owned());
        self.done.push(Done { name: name.to_owned(), took: Duration::ZERO, outcome });
    }

    /// Prints the summary; an error when a stage failed.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        say("\n== summary");
        for done in &self.done {
            say(&done.line());
        }
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|done| matches!(done.outcome, Outcome::Failed))
            .map(|done| done.name.as_str())
            .collect();
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }
}

impl Done {
    fn line(&self) -> String {
        let seconds = self.took.as_secs_f64();
        match &self.outcome {
            Outcome::Passed => format!("passed   {seconds:8.1} s  {}", self.name),
            Outcome::Failed => format!("FAILED   {seconds:8.1} s  {}", self.name),
            Outcome::Skipped(why) => format!("not run             {}: {why}", self.name),
        }
    }
}

/// The cargo that started this program, working in the root of the checkout.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Runs a command with its output shown.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status =
        command.status().with_context(|| format!("`{}` cannot be started", shown(command)))?;
    if status.success() { Ok(()) } else { bail!("`{}` ended with {status}", shown(command)) }
}

/// Runs a command and gives what it printed on standard output.
pub(crate) fn printed(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("`{}` cannot be started", shown(command)))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        bail!("`{}` ended with {}", shown(command), output.status)
    }
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![name.to_string_lossy()];
    words.extend(command.get_args().map(std::ffi::OsStr::to_string_lossy));
    words.join(" ")
}

/// Where a program is: the search path, then the folders of the superuser, which Debian keeps off other paths.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SUPERUSER_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Where `named` and `nft` live on Debian.
pub(crate) const SUPERUSER_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_fails_the_whole_and_the_next_still_runs() {
        let mut stages = Stages::default();
        assert!(stages.run("first", || -> anyhow::Result<()> { bail!("no") }).is_none());
        assert_eq!(stages.run("second", || Ok(2)), Some(2));
        assert_eq!(stages.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn a_skipped_stage_fails_nothing() {
        let mut stages = Stages::default();
        stages.skip("typos", "not installed");
        stages.finish().unwrap();
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let failure = succeed(Command::new("git").arg("no-such-verb")).unwrap_err().to_string();
        assert!(failure.starts_with("`git no-such-verb` ended with "), "{failure}");
    }

    #[test]
    fn a_program_is_found_or_not() {
        assert!(found("git").is_some());
        assert!(found("no-such-program-anywhere").is_none());
    }
}
