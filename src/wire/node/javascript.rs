//! How JavaScript writes numbers and dates.

use std::fmt::Write;

/// `String(number)`.
pub(super) fn number(number: f64) -> String {
    if number == 0.0 {
        // Of -0 as well.
        return "0".to_owned();
    }
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if (1e-6..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    // Both write the shortest digits that come back as the same number; only the sign of the exponent differs.
    let text = format!("{number:e}");
    if text.contains("e-") {
        text
    } else {
        text.replacen('e', "e+", 1)
    }
}

/// `date.toISOString()` of milliseconds since 1970; `None` if that is no date.
pub(super) fn date(milliseconds: f64) -> Option<String> {
    const MOST: f64 = 8.64e15;
    // Also not of NaN.
    if !(-MOST..=MOST).contains(&milliseconds) {
        return None;
    }
    let milliseconds = milliseconds as i64;
    let (days, rest) = (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let mut text = String::new();
    let year = if (0..=9999).contains(&year) {
        write!(text, "{year:04}")
    } else {
        write!(text, "{year:+07}")
    };
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, rest) = (rest / 1000 % 60, rest % 1000);
    let time = write!(
        text,
        "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z"
    );
    year.and(time).ok().map(|()| text)
}

/// Year, month and day of days since 1970, in the Gregorian calendar of all times.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from March 1st of the year 0, so that the leap day is the last one of a year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (era * 400 + year + i64::from(is_next_year), month, day)
}

/// In milliseconds.
const DAY: i64 = 86_400_000;

/// Of 400 years.
const DAYS_OF_ERA: i64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;

    /// What `node -p` says.
    #[test]
    fn numbers_look_as_in_javascript() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-7.0, "-7"),
            (0.1, "0.1"),
            (1.5e300, "1.5e+300"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-1.25e-9, "-1.25e-9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (4_294_967_295.0, "4294967295"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn dates_look_as_in_javascript() {
        for (milliseconds, text) in [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (-1.0, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000.0, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999.0, "2024-02-29T23:59:59.999Z"),
            (-62_198_755_200_000.0, "-000001-01-01T00:00:00.000Z"),
            (-62_167_219_200_000.0, "0000-01-01T00:00:00.000Z"),
            (253_402_300_800_000.0, "+010000-01-01T00:00:00.000Z"),
            (8.64e15, "+275760-09-13T00:00:00.000Z"),
            (-8.64e15, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(date(milliseconds).as_deref(), Some(text));
        }
        assert_eq!(date(f64::NAN), None);
        assert_eq!(date(8.64e15 + 1.0), None);
    }
}
