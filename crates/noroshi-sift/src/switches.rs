//! Which fields of a communication may be looked at.
//!
//! Act No. 42 of 2025, art. 2(8)(i) names addresses, times and other history of a communication. Ports, names,
//! paths and fingerprints are arguable, so each is behind a switch of its own: on where somebody looks through the
//! network of its own, off in every statutory mode until an order says otherwise. The switches are set before a
//! selection begins and cannot be changed while it runs; their digest stands in the certificate.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::mode::Mode;

/// A switch for each field; one that is off means that the field is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that the law sets by itself")]
pub struct Switches {
    /// Addresses besides those of the two ends: in answers of name servers, where those are looked at at all, and in other
    /// columns of that type.
    pub further_addresses: bool,
    /// Names asked for and answered. An address in the place of a name is a further address, and both switches are asked.
    pub dns_names: bool,
    /// The name a TLS or QUIC client asks for.
    pub tls_names: bool,
    /// The host an HTTP client asks for.
    pub http_hosts: bool,
    /// The path an HTTP client asks for, together with the host.
    pub url_paths: bool,
    /// Fingerprints of TLS clients and servers.
    pub tls_fingerprints: bool,
    /// Digests of certificates.
    pub certificates: bool,
    /// Digests of files.
    pub files: bool,
    /// E-mail addresses of the envelope, looked at as keyed hashes only.
    pub email_addresses: bool,
    /// Ports and protocols, also as conditions of selectors; off, they are not kept either.
    pub ports: bool,
}

impl Switches {
    /// Everything off but the addresses of the two ends.
    pub const CLOSED: Self = Self {
        further_addresses: false,
        dns_names: false,
        tls_names: false,
        http_hosts: false,
        url_paths: false,
        tls_fingerprints: false,
        certificates: false,
        files: false,
        email_addresses: false,
        ports: false,
    };

    /// What holds where nobody said anything else. In one's own network all but paths and e-mail addresses is
    /// looked at; those two are said to be wanted or are not.
    pub const fn of_mode(mode: Mode) -> Self {
        match mode {
            Mode::OwnNetwork => Self {
                further_addresses: true,
                dns_names: true,
                tls_names: true,
                http_hosts: true,
                url_paths: false,
                tls_fingerprints: true,
                certificates: true,
                files: true,
                email_addresses: false,
                ports: true,
            },
            Mode::PartyAgreement
            | Mode::ForeignToForeign
            | Mode::ForeignToDomestic
            | Mode::DomesticToForeign => Self::CLOSED,
        }
    }

    /// The switches by name, in the order of the digest.
    pub const fn named(&self) -> [(&'static str, bool); 10] {
        [
            ("further-addresses", self.further_addresses),
            ("dns-names", self.dns_names),
            ("tls-names", self.tls_names),
            ("http-hosts", self.http_hosts),
            ("url-paths", self.url_paths),
            ("tls-fingerprints", self.tls_fingerprints),
            ("certificates", self.certificates),
            ("files", self.files),
            ("email-addresses", self.email_addresses),
            ("ports", self.ports),
        ]
    }

    /// Sets the switch of a name; `false` where there is none of that name.
    pub fn set(&mut self, name: &str, is_on: bool) -> bool {
        let switch = match name {
            "further-addresses" => &mut self.further_addresses,
            "dns-names" => &mut self.dns_names,
            "tls-names" => &mut self.tls_names,
            "http-hosts" => &mut self.http_hosts,
            "url-paths" => &mut self.url_paths,
            "tls-fingerprints" => &mut self.tls_fingerprints,
            "certificates" => &mut self.certificates,
            "files" => &mut self.files,
            "email-addresses" => &mut self.email_addresses,
            "ports" => &mut self.ports,
            _ => return false,
        };
        *switch = is_on;
        true
    }

    /// SHA-256 over `noroshi-switches/1`, a line feed, and a line `name=on` or `name=off` for each.
    pub fn digest(&self) -> Digest {
        let mut text = String::from("noroshi-switches/1\n");
        for (name, is_on) in self.named() {
            // Writing to a `String` does not fail.
            let written = writeln!(text, "{name}={}", if is_on { "on" } else { "off" });
            debug_assert!(written.is_ok());
        }
        Digest::of(text.as_bytes())
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self::CLOSED
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn statutory_modes_begin_closed() {
        for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::OwnNetwork) {
            assert_eq!(Switches::of_mode(mode), Switches::CLOSED);
            assert!(Switches::of_mode(mode).named().iter().all(|(_, is_on)| !is_on));
        }
    }

    #[test]
    fn a_switch_that_is_not_there_cannot_be_set() {
        assert!(!Switches::CLOSED.clone().set("bodies", true));
    }

    #[test]
    fn every_switch_is_in_the_digest() {
        let own = Switches::of_mode(Mode::OwnNetwork);
        let json = serde_json::to_value(own).unwrap();
        let names: BTreeSet<&String> = json.as_object().unwrap().keys().collect();
        let named = own.named().map(|(name, _)| name.to_owned());
        assert_eq!(names, named.iter().collect());
        for name in named {
            let mut other = json.clone();
            other[&name] = (!json[&name].as_bool().unwrap()).into();
            let other: Switches = serde_json::from_value(other).unwrap();
            assert_ne!(other.digest(), own.digest(), "{name}");
            let mut set = own;
            assert!(set.set(&name, !json[&name].as_bool().unwrap()));
            assert_eq!(set, other, "{name}");
        }
    }
}
