//! What a person sees while work goes on, on a terminal of eighty columns.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{Scratch, binary};
use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

const COLUMNS: u16 = 80;

/// Both ends of a terminal.
fn terminal() -> (File, File) {
    let size = libc::winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut ours, mut theirs) = (0, 0);
    // SAFETY: the two descriptors are written before they are read, and belong to nobody else.
    unsafe {
        let done = libc::openpty(&mut ours, &mut theirs, std::ptr::null_mut(), std::ptr::null(), &size);
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        (File::from_raw_fd(ours), File::from_raw_fd(theirs))
    }
}

/// What the command draws on stderr until `enough` or its end; it is then asked to stop.
fn drawn(s: &Scratch, words: &[&str], enough: impl Fn(&str) -> bool) -> String {
    let (mut ours, theirs) = terminal();
    let mut command = binary(&s.path("."));
    command.args(words).env("TERM", "xterm").env_remove("COLUMNS").stdin(Stdio::null()).stderr(theirs);
    let mut child = command.spawn().unwrap();
    drop(command);
    let (mut seen, mut buffer, begun) = (Vec::new(), [0; 4096], Instant::now());
    let mut asked = false;
    // Reading fails once the other end is closed.
    while let Ok(n @ 1..) = ours.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..n]);
        if !asked && (enough(&String::from_utf8_lossy(&seen)) || begun.elapsed() > Duration::from_secs(60)) {
            // SAFETY: sends a signal to a child that has not been waited for.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
            asked = true;
        }
    }
    child.wait().unwrap();
    String::from_utf8_lossy(&seen).into_owned()
}

/// The lines as they stood, without the codes that move and colour.
fn lines(drawn: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = drawn.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => _ = rest.by_ref().skip(1).find(char::is_ascii_alphabetic),
            '\r' => plain.push('\n'),
            c => plain.push(c),
        }
    }
    plain.lines().map(str::to_owned).collect()
}

#[test]
fn a_resumed_runs_bar_counts_the_whole_run_in_eighty_columns() {
    let s = Scratch::with_recipe();
    let step = |line: &String| -> Option<u64> {
        let done = line.split_once("/50,000 steps")?.0.rsplit(' ').next()?;
        done.replace(',', "").parse().ok()
    };
    let far = |drawn: &str| lines(drawn).iter().filter_map(step).any(|done| done >= 20);
    let first = drawn(&s, &["train", "tiny.toml", "--set", "schedule.steps=50000"], far);
    let reached: u64 = lines(&first).iter().filter_map(step).max().expect(&first);
    let more = |drawn: &str| lines(drawn).iter().filter(|line| line.contains(" left")).count() > 3;
    let second = drawn(&s, &["train", "--resume", "runs/tiny"], more);
    let resumed: Vec<u64> = lines(&second).iter().filter_map(step).filter(|done| *done > 0).collect();
    assert!(resumed.first().is_some_and(|first| *first >= reached), "from {reached}: {resumed:?}\n{second}");
    // A bar that did not fit would go on in a row without its name.
    for line in lines(&first).iter().chain(&lines(&second)) {
        let letters: Vec<char> = line.chars().collect();
        let rows = letters.chunks(usize::from(COLUMNS)).map(|row| row.iter().collect::<String>());
        for row in rows.filter(|row| row.contains("/50,000 steps") || row.contains("tokens/s")) {
            assert!(row.starts_with("  training "), "{row}");
        }
    }
    let whole = |line: &&String| line.contains("/50,000 steps, ") && line.contains("loss") && line.contains("tokens/s");
    assert!(lines(&second).iter().any(|line| whole(&line)), "{second}");
}
