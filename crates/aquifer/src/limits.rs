//! What this process may use: memory by the machine and its cgroup. (Cores come from the standard library.)

use std::path::Path;

/// Bytes this process may hold: the least of what the machine has free and what its cgroups allow.
pub(crate) fn memory_bytes() -> u64 {
    [available_memory(), cgroup_v2(), cgroup_v1()].into_iter().flatten().min().unwrap_or(4 << 30)
}

/// The most bytes this process has held so far, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| kib(line.strip_prefix("VmHWM:")?))
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    kib(line)
}

/// `  1234 kB` in bytes.
fn kib(text: &str) -> Option<u64> {
    let kib: u64 = text.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

/// The least `memory.max` from this process's cgroup up to the root.
fn cgroup_v2() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?.trim_start_matches('/').to_owned();
    let root = Path::new("/sys/fs/cgroup");
    root.join(path).ancestors().take_while(|folder| folder.starts_with(root)).filter_map(read_limit_v2).min()
}

fn read_limit_v2(folder: &Path) -> Option<u64> {
    std::fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok()
}

fn cgroup_v1() -> Option<u64> {
    let limit: u64 =
        std::fs::read_to_string("/sys/fs/cgroup/memory/memory.limit_in_bytes").ok()?.trim().parse().ok()?;
    (limit < 1 << 60).then_some(limit)
}

/// Reads `512M`, `8G`, `1.5GiB` or a plain number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match lower[digits.len()..].trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        unit => return Err(format!("`{unit}` is no unit of memory; use K, M, G or T, as in 512M")),
    };
    let number: f64 = digits.trim().parse().map_err(|_| format!("`{text}` is no size; write it as 512M or 8G"))?;
    if !(number.is_finite() && number > 0.0) {
        return Err(format!("`{text}` should be above zero"));
    }
    Ok((number * (1_u64 << shift) as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_size("1000"), Ok(1000));
        assert!(parse_size("12Q").is_err() && parse_size("-1G").is_err() && parse_size("").is_err());
        assert_eq!(aquifer_record::figures::bytes(3 << 29), "1.5 GiB");
        assert_eq!(kib("   12 kB"), Some(12 << 10));
    }
}
