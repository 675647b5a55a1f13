//! Numbers of tasks as `sbatch --array` takes them.

/// `0-3,7` for 0, 1, 2, 3 and 7, which are in ascending order.
pub(crate) fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => runs.push((n, n)),
        }
    }
    let run = |(first, last): (usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
}

/// Ascending numbers in windows of `width`: each with where its window begins and the numbers counted from there.
pub(crate) fn windows(numbers: &[usize], width: usize) -> Vec<(usize, Vec<usize>)> {
    let width = width.max(1);
    let of = |group: &[usize]| {
        let begin = group[0] / width * width;
        (begin, group.iter().map(|n| n - begin).collect())
    };
    numbers.chunk_by(|a, b| a / width == b / width).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_numbers_are_written_short() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
        assert_eq!(ranges(&[5]), "5");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn windows_hold_every_number_once_and_none_beyond_the_limit() {
        for width in [1, 3, 10, 1001] {
            let numbers: Vec<usize> = (0..2500).filter(|n| n % 7 != 3).collect();
            let cut = windows(&numbers, width);
            assert!(cut.iter().all(|(_, own)| !own.is_empty() && own.iter().all(|&n| n < width)));
            let back: Vec<usize> = cut.iter().flat_map(|(begin, own)| own.iter().map(move |n| begin + n)).collect();
            assert_eq!(back, numbers);
        }
        assert!(windows(&[], 5).is_empty());
    }
}
