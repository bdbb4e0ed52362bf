//! Which fields of the content of a capture the law allows to look at.

/// One switch a field. All are off unless whoever answers for the selection turns them on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Switches {
    /// Names asked for and answered in DNS.
    pub dns_name: bool,
    /// The name of the server in the first message of TLS.
    pub tls_sni: bool,
    /// The host that a request of HTTP names.
    pub http_host: bool,
}
