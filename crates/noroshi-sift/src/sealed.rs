//! What has not been selected.
//!
//! A line of a log may hold the content of a communication. From the moment it is cut out of the input until
//! the projection has taken the mechanical fields out of it, it exists only as a [`Sealed`] value, which can
//! be opened by this crate and by nobody else.

/// One raw record, unreadable outside this crate.
///
/// It can be made, to be handed in; it cannot be looked into, copied, printed or stored. Each absence is a
/// test:
///
/// ```compile_fail,E0277
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// println!("{sealed:?}");
/// ```
/// ```compile_fail,E0277
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// println!("{sealed}");
/// ```
/// ```compile_fail,E0599
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let copy = sealed.clone();
/// ```
/// ```compile_fail,E0599
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let bytes: &[u8] = sealed.as_ref();
/// ```
/// ```compile_fail,E0277
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let bytes: &[u8] = sealed.into();
/// ```
/// ```compile_fail,E0614
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let bytes: &[u8] = *sealed;
/// ```
/// ```compile_fail,E0616
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let bytes: &[u8] = sealed.0;
/// ```
/// ```compile_fail,E0624
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let bytes: &[u8] = sealed.open();
/// ```
/// ```compile_fail,E0277
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let json = serde_json::to_string(&sealed);
/// ```
/// ```compile_fail,E0369
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// let guessed = sealed == noroshi_sift::sealed::Sealed::new(b"content");
/// ```
///
/// The same lines without the forbidden word compile, so that the tests above fail for their reason:
///
/// ```
/// let sealed = noroshi_sift::sealed::Sealed::new(b"content");
/// drop(sealed);
/// ```
pub struct Sealed<'a>(&'a [u8]);

impl<'a> Sealed<'a> {
    /// Seals the bytes of one record.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// INVARIANT: called by the projection only; what it returns is never written, copied into an error or
    /// kept beyond the record.
    pub(crate) const fn open(&self) -> &'a [u8] {
        self.0
    }
}
