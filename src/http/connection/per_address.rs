//! How many connections each address has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections by address, up to a maximum.
#[derive(Clone)]
pub struct ConnectionsPerAddress {
    /// `None`: any number.
    max: Option<usize>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the connections of an address, as long as it lives.
pub struct CountedConnection {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl ConnectionsPerAddress {
    #[must_use]
    pub fn new(max: Option<usize>) -> Self {
        Self { max, counts: Arc::default() }
    }

    /// # Errors
    /// The address has the maximum of connections.
    pub fn open(&self, address: IpAddr) -> Result<Option<CountedConnection>, TooManyConnections> {
        let Some(max) = self.max else { return Ok(None) };
        let address = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= max {
            return Err(TooManyConnections);
        }
        *count += 1;
        Ok(Some(CountedConnection { address, counts: Arc::clone(&self.counts) }))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct TooManyConnections;

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Whoever has an IPv6 address has all of its /64 (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            const HOST: u128 = u64::MAX as u128;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !HOST))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let networks = |addresses: [&str; 2]| addresses.map(|address| network(address.parse().unwrap()));
        let [one, other] = networks(["2001:db8:1:2::1", "2001:db8:1:2:ffff::7"]);
        assert_eq!(one, other);
        let [one, other] = networks(["2001:db8:1:2::1", "2001:db8:1:3::1"]);
        assert_ne!(one, other);
        let [one, other] = networks(["127.0.0.1", "::ffff:127.0.0.1"]);
        assert_eq!(one, other);
        let [one, other] = networks(["127.0.0.1", "127.0.0.2"]);
        assert_ne!(one, other);
    }
}
