//! The part of C's `strftime` that chat templates use.

/// A moment, as the binary read it from the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Year, such as 2026.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Clock {
    /// Writes the moment; a letter not known stays as it is.
    pub fn format(&self, format: &str) -> String {
        let month = MONTHS[usize::from(self.month.clamp(1, 12)) - 1];
        let weekday = DAYS[self.weekday()];
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('Y') => out.push_str(&self.year.to_string()),
                Some('y') => out.push_str(&format!("{:02}", self.year.rem_euclid(100))),
                Some('m') => out.push_str(&format!("{:02}", self.month)),
                Some('d') => out.push_str(&format!("{:02}", self.day)),
                Some('e') => out.push_str(&format!("{:2}", self.day)),
                Some('B') => out.push_str(month),
                Some('b' | 'h') => out.push_str(&month[..3]),
                Some('A') => out.push_str(weekday),
                Some('a') => out.push_str(&weekday[..3]),
                Some('H') => out.push_str(&format!("{:02}", self.hour)),
                Some('I') => out.push_str(&format!("{:02}", (self.hour + 11) % 12 + 1)),
                Some('p') => out.push_str(if self.hour < 12 { "AM" } else { "PM" }),
                Some('M') => out.push_str(&format!("{:02}", self.minute)),
                Some('S') => out.push_str(&format!("{:02}", self.second)),
                Some('%') => out.push('%'),
                Some(other) => out.extend(['%', other]),
                None => out.push('%'),
            }
        }
        out
    }

    /// 0 is Sunday. Zeller's congruence over the proleptic Gregorian calendar.
    fn weekday(&self) -> usize {
        let (m, y) = match i32::from(self.month) {
            m @ ..=2 => (m + 12, self.year - 1),
            m => (m, self.year),
        };
        let saturday_is_zero =
            i32::from(self.day) + 13 * (m + 1) / 5 + y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
        (saturday_is_zero + 6).rem_euclid(7) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_c_writes_it() {
        let clock = Clock { year: 2026, month: 11, day: 2, hour: 15, minute: 7, second: 9 };
        assert_eq!(clock.format("%d %b %Y"), "02 Nov 2026");
        assert_eq!(
            clock.format("%A, %B %e, %y at %I:%M:%S %p 100%% %Q"),
            "Monday, November  2, 26 at 03:07:09 PM 100% %Q"
        );
        let leap = Clock { year: 2000, month: 2, day: 29, hour: 0, minute: 0, second: 0 };
        assert_eq!(leap.format("%a %I%p"), "Tue 12AM");
    }
}
