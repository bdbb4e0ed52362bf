//! Which texts hang together: union by the smaller number, with path halving.

/// Disjoint sets of the numbers `0..len`. The root of a set is its smallest number, so the order of unions does not
/// show in the result.
#[derive(Debug, Clone, Default)]
pub(super) struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    pub(super) fn with_len(len: u32) -> Self {
        Self { parents: (0..len).collect() }
    }

    /// Adds a number that stands alone.
    pub(super) fn grow(&mut self) {
        let next = u32::try_from(self.parents.len()).unwrap_or(u32::MAX);
        self.parents.push(next);
    }

    pub(super) fn root(&mut self, one: u32) -> u32 {
        let mut at = one;
        loop {
            let parent = self.parent(at);
            if parent == at {
                return at;
            }
            let above = self.parent(parent);
            if let Some(slot) = self.parents.get_mut(at as usize) {
                *slot = above;
            }
            at = above;
        }
    }

    pub(super) fn unite(&mut self, left: u32, right: u32) {
        let (left, right) = (self.root(left), self.root(right));
        if let Some(slot) = self.parents.get_mut(left.max(right) as usize) {
            *slot = left.min(right);
        }
    }

    pub(super) fn is_one(&mut self, left: u32, right: u32) -> bool {
        self.root(left) == self.root(right)
    }

    /// Takes over what another forest over the same numbers has united.
    pub(super) fn absorb(&mut self, mut other: Self) {
        for one in 0..u32::try_from(other.parents.len()).unwrap_or(u32::MAX) {
            let root = other.root(one);
            if root != one {
                self.unite(one, root);
            }
        }
    }

    fn parent(&self, one: u32) -> u32 {
        self.parents.get(one as usize).copied().unwrap_or(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_join_whatever_the_order() {
        let joined = |pairs: &[(u32, u32)]| {
            let mut forest = Forest::with_len(6);
            for (left, right) in pairs {
                forest.unite(*left, *right);
            }
            (0..6).map(|one| forest.root(one)).collect::<Vec<_>>()
        };
        assert_eq!(joined(&[(0, 1), (2, 3), (1, 3)]), [0, 0, 0, 0, 4, 5]);
        assert_eq!(joined(&[(3, 1), (3, 2), (1, 0)]), [0, 0, 0, 0, 4, 5]);
    }

    #[test]
    fn what_two_found_is_known_to_one() {
        let (mut left, mut right) = (Forest::with_len(4), Forest::with_len(4));
        left.unite(0, 1);
        right.unite(1, 2);
        left.absorb(right);
        assert!(left.is_one(0, 2) && !left.is_one(0, 3));
    }
}
