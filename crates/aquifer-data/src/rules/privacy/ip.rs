//! IP addresses of version 4: four numbers up to 255 with stops between them, wherever they stand.

use regex::Regex;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::LazyLock;

/// A number up to 255.
pub(super) const NUMBER: &str = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)";

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"(?:{NUMBER}\.){{3}}{NUMBER}")).expect("the pattern is sound"));

/// All of them. Numbers that begin with a needless 0 make no address.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    find_that(text, |_| true)
}

/// Those that a machine on the Internet may have.
pub(super) fn find_public(text: &str) -> Vec<Range<usize>> {
    find_that(text, |address| !NOT_PUBLIC.iter().any(|(network, bits)| within(address, *network, *bits)))
}

fn find_that(text: &str, test: impl Fn(Ipv4Addr) -> bool) -> Vec<Range<usize>> {
    let found = ADDRESS.find_iter(text);
    found.filter(|found| found.as_str().parse::<Ipv4Addr>().is_ok_and(&test)).map(|found| found.range()).collect()
}

/// Networks that are not public to Python 3.11's `ipaddress`, which datatrove asks.
const NOT_PUBLIC: [([u8; 4], u32); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 29),
    ([192, 0, 0, 170], 31),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([240, 0, 0, 0], 4),
];

fn within(address: Ipv4Addr, network: [u8; 4], bits: u32) -> bool {
    (u32::from(address) ^ u32::from_be_bytes(network)) >> (32 - bits) == 0
}
