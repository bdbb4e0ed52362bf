//! A communication as a sensor of flows knows it: who, when, how much.

use std::net::IpAddr;

use noroshi_evidence::mechanical::Protocol;

use crate::problem::Reason;
use crate::view::{Detail, Ends, Look, View};

/// Where a name was seen; each place has its own legal switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Dns,
    Tls,
    Http,
}

impl Field {
    pub(crate) fn show(self, name: &[u8], look: &mut Look<'_>) {
        match self {
            Self::Dns => look.dns_name(name),
            Self::Tls => look.tls_name(name),
            Self::Http => look.http_host(name),
        }
    }
}

/// One flow, however it was learnt of.
///
/// INVARIANT: no `Debug` and no accessor for the names, which are content until a selector matches them.
pub(crate) struct FlowRecord {
    pub(crate) ends: Option<Ends>,
    pub(crate) detail: Detail,
    /// Names seen inside, where a legal switch allows to look at them.
    pub(crate) names: Vec<(Field, Box<[u8]>)>,
    /// Further addresses seen: the next hop of an export, the addresses a name was answered with.
    pub(crate) addresses: Vec<IpAddr>,
}

impl FlowRecord {
    /// A flow between two ends of which no name is known.
    pub(crate) const fn new(ends: Ends, detail: Detail) -> Self {
        Self { ends: Some(ends), detail, names: Vec::new(), addresses: Vec::new() }
    }

    /// Something without an address: a frame that carries no IP.
    pub(crate) fn without_address() -> Self {
        Self { ends: None, detail: Detail::default(), names: Vec::new(), addresses: Vec::new() }
    }
}

impl View for FlowRecord {
    fn ends(&mut self) -> Result<Option<Ends>, Reason> {
        Ok(self.ends)
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Reason> {
        self.addresses.iter().for_each(|address| look.address(*address));
        for (field, name) in &self.names {
            field.show(name, look);
        }
        Ok(())
    }

    fn detail(&self) -> Result<Detail, Reason> {
        let mut detail = self.detail;
        if detail.proto.is_some_and(Protocol::has_no_ports) {
            (detail.src_port, detail.dst_port) = (None, None);
        }
        Ok(detail)
    }
}
