//! The dates of HTTP (RFC 9110 §5.6.7): written in one form, read in all three.
//!
//! Pure: it must never know a clock. The caller passes what "now" is.

use httpdate::HttpDate;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The length of every date that [`format()`] writes, in bytes.
pub(crate) const LENGTH_BYTES: usize = 29;

/// Writes `time` in the preferred form, IMF-fixdate, without allocating.
///
/// A time that the form cannot express becomes the nearest that it can: times before 1970 become its first
/// second, times after 9999 become the last second of that year.
pub(crate) fn format(time: SystemTime) -> [u8; LENGTH_BYTES] {
    let time = time.clamp(UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(SECONDS_MAX));
    let mut text = [0; LENGTH_BYTES];
    write!(&mut text[..], "{}", HttpDate::from(time))
        .expect("an IMF-fixdate from 1970 to 9999 has 29 bytes");
    text
}

/// Writes a time as RFC 3339 has it, in UTC and whole seconds. The years are those from 1 to 9999: a time outside
/// becomes the nearest within.
pub(crate) fn rfc3339(seconds_since_1970: i64) -> String {
    let mut text = Vec::with_capacity(RFC_3339_BYTES);
    write_rfc3339(&mut text, seconds_since_1970);
    String::from_utf8_lossy(&text).into_owned()
}

/// Appends the same.
pub(crate) fn write_rfc3339(out: &mut Vec<u8>, seconds_since_1970: i64) {
    let seconds = seconds_since_1970.clamp(-62_135_596_800, SECONDS_MAX as i64);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar repeats every 400 years. Counted from March 1st of the year 0, a leap day is the last of its year.
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
}

/// The same with milliseconds, from 1970 on.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the program needs it"))]
pub(crate) fn rfc3339_with_millis(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = rfc3339(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), since.subsec_millis())
}

/// Reads a date in any of the three forms that a recipient must accept: IMF-fixdate, RFC 850 and
/// asctime. Anything else is `None`, and so is a date that does not exist, has the wrong day of the week,
/// or is before 1970.
///
/// The two-digit years of the RFC 850 form mean 1970 to 2069. RFC 9110 wants a year that appears to
/// be more than 50 years ahead to be read as past. A fixed window does the same without a clock, except for
/// the few years from 1970 to 50 years ago, which are read as past as well: a file can be that old, and
/// none is that far ahead.
pub(crate) fn parse(text: &[u8]) -> Option<SystemTime> {
    let date: HttpDate = str::from_utf8(text).ok()?.parse().ok()?;
    Some(date.into())
}

/// The length of a time as RFC 3339 has it here.
const RFC_3339_BYTES: usize = 20;

/// 31 December 9999, 23:59:59, in seconds since 1970: the last date with a year of four digits.
pub(crate) const SECONDS_MAX: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_date_is_written_as_imf_fixdate() {
        assert_eq!(&format(at(0)), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(&format(at(784_111_777)), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&format(at(1_709_210_096)), b"Thu, 29 Feb 2024 12:34:56 GMT");
        assert_eq!(&format(at(SECONDS_MAX)), b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn parts_of_a_second_are_not_shown() {
        assert_eq!(
            format(at(784_111_777) + Duration::from_nanos(999_999_999)),
            format(at(784_111_777))
        );
    }

    #[test]
    fn a_time_that_the_form_cannot_express_becomes_the_nearest() {
        assert_eq!(format(UNIX_EPOCH - Duration::from_secs(1)), format(UNIX_EPOCH));
        assert_eq!(format(at(SECONDS_MAX + 1)), format(at(SECONDS_MAX)));
    }

    #[test]
    fn a_time_is_written_as_rfc_3339_has_it() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (SECONDS_MAX as i64, "9999-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (i64::MIN, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }

    /// Both forms of any day agree.
    #[test]
    fn both_ways_to_write_a_date_mean_the_same_day() {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        for day in 0..80_000 {
            let http = format(at(day * 86_400 + day % 86_400));
            let http = std::str::from_utf8(&http).expect("it is ASCII");
            let month = MONTHS.find(&http[8..11]).expect("it is a month") / 3 + 1;
            let (year, day_of_month, time) = (&http[12..16], &http[5..7], &http[17..25]);
            let expected = format!("{year}-{month:02}-{day_of_month}T{time}Z");
            assert_eq!(rfc3339((day * 86_400 + day % 86_400) as i64), expected);
        }
    }

    #[test]
    fn all_three_forms_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(at(784_111_777)), "{text}");
        }
        assert_eq!(parse(b"Wed Nov 16 08:49:37 1994"), Some(at(784_975_777)));
    }

    #[test]
    fn two_digit_years_run_from_1970_to_2069() {
        assert_eq!(parse(b"Thursday, 01-Jan-70 00:00:00 GMT"), Some(at(0)));
        assert_eq!(parse(b"Tuesday, 31-Dec-69 23:59:59 GMT"), Some(at(3_155_759_999)));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for seconds in (0..SECONDS_MAX).step_by(86_400 * 997 + 4711) {
            assert_eq!(parse(&format(at(seconds))), Some(at(seconds)));
        }
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "0",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 19x4 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Wednesday, 06-Nov-94 08",
            "1994-11-06T08:49:37Z",
            "Wed, 31 Dec 1969 23:59:59 GMT",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"Sun, 06 Nov 1994 08:49:37 GM\xff"), None);
    }

    #[test]
    fn no_cut_of_a_date_makes_it_panic() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Wednesday, 16-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            for cut in 0..text.len() {
                parse(&text.as_bytes()[..cut]);
                parse(&text.as_bytes()[cut..]);
            }
        }
    }
}
