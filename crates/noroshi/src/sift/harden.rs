//! What a process that reads content does before it reads any.
//!
//! A crash must not write memory to disk: the limit for core dumps is set to zero, soft and hard, and the process is marked
//! as one that is not dumped, which also keeps other processes of the same user from reading its memory. Both are
//! asked back: a machine that does not keep them is not selected on.
//!
//! What cannot be done from here without unsafe code is to lock the whole memory against swapping, and to wipe pages that
//! an allocator has handed back. The service unit therefore forbids swap (`MemorySwapMax=0`), and a sensor runs on a
//! machine without unencrypted swap.

#[cfg(feature = "sql")]
use rustix::process::Signal;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

use super::cli::usage;
use crate::cli::Failed;

/// Forbids core dumps of this process, or says that they cannot be forbidden.
pub(super) fn no_core_dump() -> Result<(), Failed> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let is_set = rustix::process::setrlimit(Resource::Core, none).is_ok()
        && rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    let limit = rustix::process::getrlimit(Resource::Core);
    let is_kept = (limit.current, limit.maximum) == (Some(0), Some(0))
        && rustix::process::dumpable_behavior()
            .is_ok_and(|now| now == DumpableBehavior::NotDumpable);
    if is_set && is_kept {
        Ok(())
    } else {
        Err(usage("NRS-SIFT-0089", "core dumps cannot be forbidden here; nothing was read"))
    }
}

/// Lets this process take so many bytes of memory more than it has now. What goes beyond ends it; no core is left where
/// [`no_core_dump`] came first. The limit is one of addresses (`RLIMIT_AS`), so it counts what is only reserved, too.
#[cfg(feature = "sql")]
pub(super) fn bound_memory(more_bytes: u64) -> Result<(), Failed> {
    let failed = || usage("NRS-SIFT-0089", "memory cannot be bounded here; nothing was read");
    let status = std::fs::read_to_string("/proc/self/status").map_err(|_| failed())?;
    let wanted =
        taken(&status).and_then(|taken| taken.checked_add(more_bytes)).ok_or_else(failed)?;
    let limit = rustix::process::getrlimit(Resource::As);
    let most = [limit.current, limit.maximum].into_iter().flatten().fold(wanted, u64::min);
    let bound = Rlimit { current: Some(most), maximum: limit.maximum };
    rustix::process::setrlimit(Resource::As, bound).map_err(|_| failed())
}

/// Ends this process with the one that began it, or at once where that one is gone already: nobody would wait for what it
/// says.
#[cfg(feature = "sql")]
pub(super) fn end_with_parent(parent: u32) -> Result<(), Failed> {
    let failed = |words: &str| usage("NRS-SIFT-0089", words);
    let set = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    set.map_err(|_| failed("the process cannot be bounded here; nothing was read"))?;
    // Of one that was gone before that no signal comes; then somebody else is the parent.
    let now = std::os::unix::process::parent_id();
    if now == parent { Ok(()) } else { Err(failed("whoever asked is gone; nothing was read")) }
}

/// The addresses that a process has taken, in bytes.
#[cfg(feature = "sql")]
fn taken(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "sql")]
    #[test]
    fn what_a_process_has_taken_is_read() {
        assert_eq!(taken("Name:\tnoroshi\nVmSize:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(taken("Name:\tnoroshi\n"), None);
        assert!(taken(&std::fs::read_to_string("/proc/self/status").unwrap()) > Some(1 << 20));
    }

    #[test]
    fn a_process_that_reads_content_leaves_no_core() {
        assert!(no_core_dump().is_ok());
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        // It cannot be taken back by the program itself.
        let again = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
        let raised = rustix::process::setrlimit(Resource::Core, again);
        assert!(raised.is_err() || rustix::process::getuid().is_root());
        assert!(no_core_dump().is_ok());
    }
}
