//! Which addresses may a client connect to?
//!
//! A broker's URL makes the client send requests from its own place in the network, to services that trust that place:
//! the loopback interface, the metadata service of a cloud, whatever listens inside the cluster. Therefore a URL that a
//! tenant has chosen may lead only to allowed addresses. What counts is the address that is connected to, not the one
//! that a name had a moment ago: the check is part of the client's resolver, so that no name can change in between (DNS
//! rebinding). Addresses in the URL itself are checked when the client is created, in whatever form they are written,
//! because the URL parser normalises `http://2130706433`.
//!
//! Through a proxy the proxy connects, and resolves names. Then only addresses in the URL itself are checked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::NameLookups;

/// Networks that are allowed only by an entry inside of them.
const SPECIAL: [(&str, &str); 19] = [
    ("0.0.0.0/8", "an unspecified address"),
    ("::/128", "an unspecified address"),
    ("127.0.0.0/8", "a loopback address"),
    ("::1/128", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address"),
    ("224.0.0.0/4", "a multicast address"),
    ("ff00::/8", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("192.0.0.0/24", "a reserved address"),
    // IPv6 addresses that lead to an IPv4 address which cannot be read from them: Teredo, and NAT64 with a local
    // prefix.
    ("2001::/32", "a translated address"),
    ("64:ff9b:1::/48", "a translated address"),
    // The metadata services of clouds that are not link-local: AWS, Google, Oracle, Scaleway; Alibaba, Azure.
    ("fd00:ec2::/32", "a metadata service"),
    ("fd20:ce::254/128", "a metadata service"),
    ("fd00:c1::a9fe:a9fe/128", "a metadata service"),
    ("fd00:42::42/128", "a metadata service"),
    ("100.100.100.200/32", "a metadata service"),
    ("168.63.129.16/32", "a metadata service"),
];

static SPECIAL_NETWORKS: LazyLock<Vec<(IpNet, &str)>> = LazyLock::new(|| {
    SPECIAL.iter().filter_map(|(network, what)| Some((network.parse().ok()?, *what))).collect()
});

/// Who has chosen the URL of a broker. It decides where the URL may lead, and how much of what is found there is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// Somebody who may not see more of the network than the client shows.
    Tenant,
    /// An administrator of the whole cluster. An address in the URL itself is taken for what is meant. A host name must
    /// not resolve to a special address, because whoever runs the name server of a broker is no administrator.
    Administrator,
}

/// The addresses at which brokers of tenants may be: networks, addresses and host names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedAddresses {
    networks: Vec<IpNet>,
    /// Host names; with `*.` in front, all names below.
    hosts: Vec<String>,
}

impl Default for AllowedAddresses {
    /// All addresses that are not special.
    fn default() -> Self {
        let everything = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
        let networks = everything.into_iter().filter_map(|address| IpNet::new(address, 0).ok()).collect();
        Self { networks, hosts: Vec::new() }
    }
}

impl FromStr for AllowedAddresses {
    type Err = String;

    /// Reads entries with commas in between, such as `10.0.0.0/8,192.0.2.7,broker.example.com,*.brokers.example.com`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut allowed = Self { networks: Vec::new(), hosts: Vec::new() };
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let network = entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            let name = entry.strip_prefix("*.").unwrap_or(entry);
            match (network, Host::parse(name)) {
                (Ok(network), _) => allowed.networks.push(network),
                (Err(_), Ok(Host::Domain(_))) if !name.contains('*') => {
                    allowed.hosts.push(entry.to_ascii_lowercase());
                }
                _ => return Err(format!("{entry:?} is neither a network, nor an address, nor a host name")),
            }
        }
        Ok(allowed)
    }
}

impl AllowedAddresses {
    fn has_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|entry| match entry.strip_prefix('*') {
            Some(domain) => host.ends_with(domain),
            None => host == *entry,
        })
    }

    /// Why brokers may not be at this address, which the host of the URL has.
    fn check(&self, address: IpAddr, host: &str, chosen_by: ChosenBy) -> Result<(), Refused> {
        let special_network =
            |address| SPECIAL_NETWORKS.iter().find(|(network, _)| network.contains(&address));
        // First as it is: what is inside of a link-local address may look harmless.
        let (address, special) = match special_network(address) {
            Some(special) => (address, Some(special)),
            None => (embedded(address), special_network(embedded(address))),
        };
        let is_allowed = |entry: &IpNet| {
            entry.contains(&address) && special.is_none_or(|(network, _)| network.contains(entry))
        };
        match special {
            _ if self.networks.iter().any(is_allowed) => Ok(()),
            Some((_, what)) => Err(Refused(what)),
            None if chosen_by == ChosenBy::Administrator || self.has_host(host) => Ok(()),
            None => Err(Refused("an address")),
        }
    }
}

/// The IPv4 address inside of an IPv6 address that stands for it, or the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high, low].map(u16::to_be_bytes);
        IpAddr::from([a, b, c, d])
    };
    match v6.segments() {
        // IPv4-mapped, translated by SIIT or NAT64, 6to4, ISATAP, and IPv4-compatible addresses.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        _ => address,
    }
}

/// An address is not allowed. The message does not tell the address: a tenant might learn from it what a name of the
/// internal network resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its host has {} that the setting brokerAddresses does not allow", self.0)
    }
}

impl std::error::Error for Refused {}

/// A host name cannot be resolved.
#[derive(Debug)]
pub(super) struct Unresolved(std::io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its host name cannot be resolved: {}", self.0)
    }
}

impl std::error::Error for Unresolved {}

/// The resolver of one client.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    /// The host of the broker. Any other name is that of a proxy, which the administrator has set.
    host: String,
    allowed: Arc<AllowedAddresses>,
    chosen_by: ChosenBy,
    lookups: NameLookups,
}

impl Resolver {
    /// A resolver for a broker. Fails if the URL itself has an address that is not allowed.
    pub(super) fn new(
        base: &Url,
        allowed: &Arc<AllowedAddresses>,
        chosen_by: ChosenBy,
        lookups: &NameLookups,
    ) -> Result<Self, Refused> {
        let host = base.host_str().unwrap_or_default().to_owned();
        let address = match base.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            Some(Host::Domain(_)) | None => None,
        };
        if let (Some(address), ChosenBy::Tenant) = (address, chosen_by) {
            allowed.check(address, &host, chosen_by)?;
        }
        Ok(Self { host, allowed: Arc::clone(allowed), chosen_by, lookups: lookups.clone() })
    }

    /// The addresses that may be connected to; fails if there is none.
    fn usable(&self, name: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let is_meant = self.chosen_by == ChosenBy::Administrator && name.eq_ignore_ascii_case("localhost");
        if is_meant || !name.eq_ignore_ascii_case(&self.host) {
            return Ok(addresses);
        }
        let check = |address: &SocketAddr| self.allowed.check(address.ip(), name, self.chosen_by);
        let refused = addresses.iter().find_map(|address| check(address).err());
        let usable: Vec<_> = addresses.into_iter().filter(|address| check(address).is_ok()).collect();
        refused.filter(|_| usable.is_empty()).map_or(Ok(usable), Err)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.lookups.find(name.as_str()).await.map_err(Unresolved)?;
            let usable = resolver.usable(name.as_str(), found)?;
            Ok::<Addrs, Box<dyn std::error::Error + Send + Sync>>(Box::new(usable.into_iter()))
        })
    }
}

#[cfg(test)]
mod tests;
