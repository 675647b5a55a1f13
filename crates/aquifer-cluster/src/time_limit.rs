//! Time limits as Slurm writes them.

use crate::ClusterError;

/// The seconds of `minutes`, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM` or `D-HH:MM:SS` (`--time` in Slurm's `sbatch(1)`).
///
/// # Errors
/// For anything else, and for no time at all.
///
/// ```
/// assert_eq!(aquifer_cluster::seconds("1-02:30").unwrap(), 26 * 3600 + 30 * 60);
/// assert_eq!(aquifer_cluster::seconds("90").unwrap(), 90 * 60);
/// ```
pub fn seconds(text: &str) -> Result<u64, ClusterError> {
    let parts = |text: &str| text.split(':').map(|part| part.parse::<u32>().ok().map(u64::from)).collect();
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (days.parse::<u32>().ok().map(u64::from), rest),
        None => (None, text),
    };
    let numbers: Option<Vec<u64>> = parts(rest);
    let seconds = match (text.contains('-'), days, numbers.as_deref()) {
        (false, _, Some([minutes])) => Some(minutes * 60),
        (false, _, Some([minutes, seconds])) => Some(minutes * 60 + seconds),
        (false, _, Some([hours, minutes, seconds])) => Some(hours * 3600 + minutes * 60 + seconds),
        (true, Some(days), Some([hours, rest @ ..])) if rest.len() <= 2 => {
            let rest: u64 = rest.iter().zip([60, 1]).map(|(n, unit)| n * unit).sum();
            Some(days * 86_400 + hours * 3600 + rest)
        }
        _ => None,
    };
    seconds.filter(|&seconds| seconds > 0).ok_or_else(|| ClusterError::Time(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn every_form_of_sbatch_is_read() {
        for (text, expected) in
            [("5", 300), ("5:07", 307), ("1:00:00", 3600), ("2-3", 183_600), ("2-3:4", 183_840), ("2-3:4:5", 183_845)]
        {
            assert_eq!(seconds(text).unwrap(), expected, "{text}");
        }
        for text in ["", "0", "1h", "1:2:3:4", "-1", "2-", "-", "2-1:2:3:4", "1:-2", "99999999999999999999"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
