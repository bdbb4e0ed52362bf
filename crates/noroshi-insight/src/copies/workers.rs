//! The same work for many values, by a few threads, with the results in the order of the values.

use core::num::NonZeroUsize;
use std::thread::Builder;

/// Applies `work` to all values. Where the system gives no further thread, the calling one does the work.
pub(super) fn map<T: Sync, R: Send>(
    workers: NonZeroUsize,
    values: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let each = values.len().div_ceil(workers.get()).max(1);
    let part = |values: &[T]| values.iter().map(&work).collect::<Vec<R>>();
    std::thread::scope(|scope| {
        let part = &part;
        let mut parts = values.chunks(each);
        let first = parts.next().unwrap_or_default();
        let others: Vec<_> = parts
            .map(|values| (values, Builder::new().spawn_scoped(scope, move || part(values))))
            .collect();
        let mut results = part(first);
        for (values, other) in others {
            results.extend(match other.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(done)) => done,
                Ok(Err(panicked)) => std::panic::resume_unwind(panicked),
                Err(_no_thread) => part(values),
            });
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_values() {
        let values: Vec<u32> = (0..103).collect();
        for workers in [1, 2, 3, 200] {
            let doubled = map(NonZeroUsize::new(workers).unwrap(), &values, |value| value * 2);
            assert_eq!(doubled, values.iter().map(|value| value * 2).collect::<Vec<_>>());
        }
        assert!(map(NonZeroUsize::MIN, &[] as &[u32], |value| *value).is_empty());
    }
}
