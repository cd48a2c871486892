//! Keeps webhooks away from this machine and its networks, so that whoever may name an address cannot
//! reach through the studio what only the studio can reach. The address is checked where it is
//! connected to: what a name means a moment later does not matter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Longest address of an endpoint in characters.
const LONGEST: usize = 2048;

/// An address that events may be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(pub String);

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is none.
    #[error("url must be http://HOST/... or https://HOST/..., without a user name")]
    Malformed,
    /// It leads to this machine or its networks.
    #[error(
        "the address is private to this machine or its networks; \
         allow_private_webhooks under [network] in kinora.toml allows those"
    )]
    Private,
}

impl Target {
    /// Checks what can be seen without looking a name up.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn read(url: &str, allow_private: bool) -> Result<Self, TargetError> {
        let uri: Uri = url.parse().map_err(|_| TargetError::Malformed)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().ok_or(TargetError::Malformed)?;
        let host = authority.host().trim_matches(['[', ']']);
        if !is_web || host.is_empty() || authority.as_str().contains('@') || url.len() > LONGEST {
            return Err(TargetError::Malformed);
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        let is_private = host.parse().is_ok_and(|address| !is_public(address));
        if (is_local || is_private) && !allow_private {
            return Err(TargetError::Private);
        }
        Ok(Self(url.to_owned()))
    }
}

/// Looks names up, and refuses those that lead to where nobody outside could.
#[derive(Debug)]
pub struct Guard {
    resolver: DefaultResolver,
    allow_private: bool,
}

impl Guard {
    /// A guard; private addresses are refused unless they are allowed.
    pub fn new(allow_private: bool) -> Self {
        Self {
            resolver: DefaultResolver::default(),
            allow_private,
        }
    }
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let is_fine = self.allow_private || found.iter().all(|found| is_public(found.ip()));
        if is_fine {
            Ok(found) // and to these, not to the name, the connection is made
        } else {
            Err(ureq::Error::Other(Box::new(TargetError::Private)))
        }
    }
}

/// Whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        (0 | 10 | 127 | 224.., ..)       // this network, private, loopback, multicast and above
        | (100, 64..=127, _)             // carrier-grade NAT
        | (169, 254, _)                  // link-local
        | (172, 16..=31, _) | (192, 168, _) // private
        | (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) // protocols, documentation
        | (192, 88, 99)                  // 6to4 relays
        | (198, 18 | 19, _) => true,     // benchmarks
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]        // IPv4, mapped
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]   // NAT64
        | [0x2002, high, low, ..] => embedded(high, low), // 6to4
        [0x2001, 0..=0x1ff | 0xdb8, ..] => false, // Teredo and protocols, documentation
        // Only this part is given out; loopback, ULA, link-local and multicast are not in it.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        let check = |text: &str, expected: bool| {
            assert_eq!(
                is_public(text.parse().expect("an address")),
                expected,
                "{text}"
            );
        };
        for text in [
            "1.1.1.1",
            "172.32.0.1",
            "100.63.0.1",
            "2606:4700::1",
            "::ffff:8.8.8.8",
        ] {
            check(text, true);
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn targets_are_read_without_asking_anyone() {
        let check = |url: &str, expected: Result<(), TargetError>| {
            assert_eq!(Target::read(url, false).map(|_| ()), expected, "{url}");
        };
        check("https://example.org/hook?x=1", Ok(()));
        for url in [
            "example.org",
            "ftp://example.org",
            "https://",
            "https://me@example.org",
            "",
        ] {
            check(url, Err(TargetError::Malformed));
        }
        for url in [
            "http://localhost:1",
            "http://a.localhost",
            "http://LOCALHOST.",
            "http://[::1]/",
        ] {
            check(url, Err(TargetError::Private));
        }
        check("http://[::ffff:10.0.0.1]/", Err(TargetError::Private));
        assert!(Target::read("http://127.0.0.1:1/", true).is_ok());
    }

    #[test]
    fn what_a_name_means_is_checked_where_it_is_connected_to() {
        // Resolvers read such a number as 127.0.0.1, `Target` reads it as a name.
        let agent = crate::webhooks::Post::new(false);
        for url in ["http://2130706433:9/", "http://127.1:9/"] {
            let endpoint = crate::store::Endpoint {
                id: "we".into(),
                created_at: 0,
                name: String::new(),
                url: url.into(),
                event_types: Vec::new(),
                secret: crate::webhooks::Secret::random()
                    .expect("random numbers")
                    .text(),
                configured: false,
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let sent = runtime
                .expect("a runtime")
                .block_on(agent.send(&endpoint, "e", "{}", 0));
            let reason = sent.expect_err("refused");
            assert!(
                reason.contains("private") || reason.contains("not found"),
                "{url}: {reason}"
            );
        }
    }
}
