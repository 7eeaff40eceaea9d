//! Numbers as people read them: few digits, a unit, and thousands apart.

/// A number with a unit apart, so that the page can show it smaller.
pub(super) struct Quantity {
    pub(super) number: String,
    pub(super) unit: &'static str,
}

/// A count, with thousands apart.
pub(super) fn count(number: f64) -> String {
    // Nothing has no sign.
    let digits = format!("{:.0}", number.max(0.0) + 0.0);
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            // It is narrow, and no line breaks at it.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// How often something happens in a second: with a decimal below ten.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        none if none < 0.05 => "0".to_owned(),
        few if few < 9.95 => format!("{few:.1}"),
        many => count(many),
    }
}

/// Bytes by thousands, with at most three digits.
pub(super) fn bytes(bytes: f64) -> Quantity {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut number, mut unit) = (bytes.max(0.0), 0);
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let digits = if unit > 0 && number < 99.95 { 1 } else { 0 };
    Quantity { number: format!("{number:.digits$}"), unit: UNITS[unit] }
}

/// A time, in the two units that say most.
pub(super) fn time(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, _, _) => format!("1 day {hours} h"),
        _ => format!("{days} days {hours} h"),
    }
}

/// A share of a whole, with one decimal where it says something.
pub(super) fn percent(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    match percent {
        none if none <= 0.0 => "0 %".to_owned(),
        little if little < 0.05 => "< 0.1 %".to_owned(),
        all if all > 99.95 => "100 %".to_owned(),
        some => format!("{some:.1} %"),
    }
}

/// A duration below which a part of the requests stays.
pub(super) fn latency(seconds: Option<f64>) -> Quantity {
    match seconds {
        None => Quantity { number: "–".to_owned(), unit: "" },
        Some(short) if short <= 0.001 => Quantity { number: "< 1".to_owned(), unit: "ms" },
        Some(some) if some < 0.0995 => {
            Quantity { number: format!("{:.1}", some * 1e3), unit: "ms" }
        }
        Some(some) if some < 0.9995 => {
            Quantity { number: format!("{:.0}", some * 1e3), unit: "ms" }
        }
        Some(long) => Quantity { number: format!("{long:.1}"), unit: "s" },
    }
}

impl Quantity {
    pub(super) fn text(&self) -> String {
        match self.unit {
            "" => self.number.clone(),
            unit => format!("{} {unit}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_a_unit() {
        assert_eq!(count(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(
            [0.01, 0.1, 9.94, 9.96, 12_345.0].map(rate),
            ["0", "0.1", "9.9", "10", "12\u{202f}345"]
        );
        let sizes = [0.0, 999.0, 1000.0, 99_940.0, 99_960.0, 999_600.0, 1.5e12];
        assert_eq!(
            sizes.map(|it| bytes(it).text()),
            ["0 B", "999 B", "1.0 kB", "99.9 kB", "100 kB", "1.0 MB", "1.5 TB"]
        );
        assert_eq!(
            [59.0, 61.0, 3660.0, 86_400.0, 200_000.0].map(time),
            ["59 s", "1 min 1 s", "1 h 1 min", "1 day 0 h", "2 days 7 h"]
        );
        assert_eq!(percent(0.0, 0.0), "0 %");
        assert_eq!(percent(1.0, 1_000_000.0), "< 0.1 %");
        assert_eq!(percent(1.0, 3.0), "33.3 %");
        let latencies = [None, Some(0.0004), Some(0.0042), Some(0.25), Some(2.5)];
        assert_eq!(
            latencies.map(|it| latency(it).text()),
            ["–", "< 1 ms", "4.2 ms", "250 ms", "2.5 s"]
        );
    }
}
