//! Days of a year, and the times in all years that are on them.

use std::ops::Bound;

use chrono::{Datelike, Days, NaiveDate, NaiveTime};

use super::ranges::KeyRange;
use crate::domain::field::IndexedValue;
use crate::domain::timestamp::Timestamp;

/// The first and the last year of the dates that have anniversaries: each year is a range of the index.
pub const FIRST_YEAR: i32 = 1900;
pub const LAST_YEAR: i32 = 2100;

/// Month and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonthDay {
    month: u32,
    day: u32,
}

/// A year that has every day.
const LEAP_YEAR: i32 = 2000;

impl MonthDay {
    /// `02-29`
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (month, day) = text.split_once('-')?;
        let number = |digits: &str| {
            (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| digits.parse().ok())?
        };
        let (month, day) = (number(month)?, number(day)?);
        NaiveDate::from_ymd_opt(LEAP_YEAR, month, day)?;
        Some(Self { month, day })
    }

    /// The days that are celebrated on the date of a time, in UTC: in a year without 29 February, that day is
    /// celebrated on the 28th.
    pub(super) fn celebrated_on(time: Timestamp) -> Vec<Self> {
        let date = date_of(time);
        let day = Self { month: date.month(), day: date.day() };
        let leap_day = Self { month: 2, day: 29 };
        if day == (Self { month: 2, day: 28 }) && !date.leap_year() { vec![day, leap_day] } else { vec![day] }
    }
}

fn date_of(time: Timestamp) -> NaiveDate {
    let time = chrono::DateTime::from_timestamp_millis(time.clamped().millis()).unwrap_or_default();
    time.date_naive()
}

/// The last midnight in UTC.
pub(super) fn midnight(time: Timestamp) -> Timestamp {
    start_of(date_of(time))
}

fn start_of(date: NaiveDate) -> Timestamp {
    Timestamp::from_millis(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
}

/// The values of a field that are on one of these days, in their order. Neighbouring days are one range.
pub(super) fn ranges(mut days: Vec<MonthDay>) -> Vec<KeyRange<String>> {
    days.sort_unstable();
    days.dedup();
    let years = FIRST_YEAR..=LAST_YEAR;
    let dates = years.flat_map(|year| {
        days.iter().filter_map(move |MonthDay { month, day }| NaiveDate::from_ymd_opt(year, *month, *day))
    });
    let mut spans: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for date in dates {
        let Some(next) = date.checked_add_days(Days::new(1)) else { continue };
        match spans.last_mut() {
            Some((_, end)) if *end == date => *end = next,
            _ => spans.push((date, next)),
        }
    }
    let key = |date| IndexedValue::of_time(start_of(date)).into_string();
    let range =
        |(start, end)| KeyRange { lower: Bound::Included(key(start)), upper: Bound::Excluded(key(end)) };
    spans.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn celebrates(days: &[MonthDay], date: &str) -> bool {
        let time = Timestamp::parse(date).or(Timestamp::parse_date(date)).unwrap();
        let key = IndexedValue::of_time(time).into_string();
        ranges(days.to_vec()).iter().any(|range| range.contains(&key))
    }

    fn on(date: &str) -> Vec<MonthDay> {
        MonthDay::celebrated_on(Timestamp::parse_date(date).unwrap())
    }

    #[test]
    fn a_date_has_its_anniversary_in_each_year() {
        for (today, date, celebrated) in [
            ("2026-11-27", "1980-11-27", true),
            ("2026-11-27", "1980-11-27T23:59:59.999Z", true),
            ("2026-11-27", "1980-11-28", false),
            ("2026-11-27", "1980-11-26T23:59:59.999Z", false),
            ("2026-11-27", "1980-11-28T00:30:00+01:00", true),
            ("2026-11-27", "1900-11-27", true),
            ("2026-11-27", "2100-11-27", true),
            ("2026-11-27", "1899-11-27", false),
            ("2026-02-28", "2000-02-29", true),
            ("2028-02-28", "2000-02-29", false),
            ("2028-02-29", "2000-02-29", true),
            ("2026-03-01", "2000-02-29", false),
        ] {
            assert_eq!(celebrates(&on(today), date), celebrated, "{date} on {today}");
        }
    }

    #[test]
    fn neighbouring_days_are_one_range() {
        let days: Vec<_> =
            ["12-31", "01-01", "01-02", "01-01"].map(|day| MonthDay::parse(day).unwrap()).into();
        let years = usize::try_from(LAST_YEAR - FIRST_YEAR + 1).unwrap();
        assert_eq!(ranges(days).len(), years + 1);
        for text in ["", "1-1", "13-01", "02-30", "00-10", "1a-01", "+1-01", "2000-01-01"] {
            assert_eq!(MonthDay::parse(text), None, "{text}");
        }
    }
}
