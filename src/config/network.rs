//! Ranges of addresses, as `trusted_proxies` names them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address range in CIDR notation (RFC 4632, RFC 4291): `10.0.0.0/8`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    address: IpAddr,
    prefix: u32,
}

/// Not an address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address range looks like 10.0.0.0/8, fd00::/8 or 192.0.2.7")]
pub struct NotARange;

impl IpRange {
    /// Whether `address` lies in this range. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(one)) => {
                top(range.to_bits().into(), 32, self.prefix) == top(one.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(range), IpAddr::V6(one)) => top(range.to_bits(), 128, self.prefix) == top(one.to_bits(), 128, self.prefix),
            _ => false,
        }
    }
}

/// The first `prefix` of `width` bits; nothing when the prefix is empty.
fn top(bits: u128, width: u32, prefix: u32) -> u128 {
    bits.checked_shr(width - prefix).unwrap_or(0)
}

impl FromStr for IpRange {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| NotARange)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(p) if !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) => p.parse().map_err(|_| NotARange)?,
            Some(_) => return Err(NotARange),
        };
        if prefix <= width { Ok(Self { address, prefix }) } else { Err(NotARange) }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::IpRange;

    fn holds(range: &str, address: &str) -> bool {
        range.parse::<IpRange>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_its_own_addresses_and_no_others() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("fd00::/8", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(holds("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "ten/8", "fd00::/129"] {
            assert!(wrong.parse::<IpRange>().is_err(), "{wrong}");
        }
    }
}
