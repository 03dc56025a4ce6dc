//! Which of many samples is the energy register. Knows no session.

use crate::domain::{MeterReading, Millis, MilliwattHours, Sample};

/// The measurand that bills are made of, and the default where a sample names none (OCPP 1.6 §7.31).
const ENERGY_REGISTER: &str = "Energy.Active.Import.Register";

/// More digits than any register has, in milliwatt-hours.
const MAX_DIGITS: usize = 24;

/// What a sample says of when it was taken (OCPP 1.6 `ReadingContext`, 2.x `ReadingContextEnumType`).
pub(super) const AT_BEGIN: &str = "Transaction.Begin";
pub(super) const AT_END: &str = "Transaction.End";

/// The register at a moment that the station names, for example [`AT_BEGIN`].
pub(super) fn register_at(readings: &[MeterReading], context: &str) -> Option<MilliwattHours> {
    let samples = readings.iter().flat_map(|reading| &reading.samples);
    samples.filter(|sample| sample.context.as_deref() == Some(context)).find_map(register)
}

/// The newest value of the import register over all phases, with its time if the station gave one.
pub fn newest_register(readings: &[MeterReading]) -> Option<(Option<Millis>, MilliwattHours)> {
    let registers = readings.iter().filter_map(|reading| {
        reading.samples.iter().find_map(register).map(|energy| (reading.at, energy))
    });
    registers.max_by_key(|(at, _)| *at)
}

fn register(sample: &Sample) -> Option<MilliwattHours> {
    let measurand = sample.measurand.as_deref().unwrap_or(ENERGY_REGISTER);
    if measurand != ENERGY_REGISTER || sample.phase.is_some() {
        return None;
    }
    let decimals = match sample.unit.as_deref().unwrap_or("Wh") {
        "Wh" => 3,
        "kWh" => 6,
        _ => return None,
    };
    scaled(&sample.value, sample.multiplier.unwrap_or(0).checked_add(decimals)?).map(MilliwattHours)
}

/// A decimal number times 10^`shift`, further digits cut off. Exact: a register of 2^53 does not fit a float.
fn scaled(text: &str, shift: i32) -> Option<i64> {
    let text = text.trim();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    // Where the decimal point lands in the digits written without one.
    let point = i64::from(shift) + exponent.parse::<i16>().map(i64::from).ok()?;
    let point = usize::try_from(i64::try_from(whole.len()).ok()? + point).unwrap_or(0);
    if point > MAX_DIGITS {
        return (whole.bytes().chain(fraction.bytes()).all(|b| b == b'0')).then_some(0);
    }
    let digits = whole.chars().chain(fraction.chars()).chain(std::iter::repeat('0'));
    let number = digits.take(point).collect::<String>();
    let number: i64 = if number.is_empty() { 0 } else { number.parse().ok()? };
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(
        value: &str,
        measurand: Option<&str>,
        unit: Option<&str>,
        phase: Option<&str>,
    ) -> Sample {
        Sample {
            value: value.into(),
            measurand: measurand.map(Into::into),
            unit: unit.map(Into::into),
            phase: phase.map(Into::into),
            context: None,
            location: None,
            multiplier: None,
        }
    }

    #[test]
    fn values_are_scaled_without_a_float() {
        for (text, shift, value) in [
            ("1200", 3, Some(1_200_000)),
            ("1.2345", 3, Some(1_234)),
            ("12.5", 6, Some(12_500_000)),
            ("-3", 3, Some(-3_000)),
            ("9007199254740.993", 3, Some(9_007_199_254_740_993)),
            ("", 3, None),
            ("1e3", 3, Some(1_000_000)),
            ("1.5E-1", 3, Some(150)),
            ("7", -2, Some(0)),
            ("1234", -2, Some(12)),
            ("1e300", 3, None),
            ("0e300", 3, Some(0)),
            (".5", 3, None),
            ("99999999999999999999", 3, None),
        ] {
            assert_eq!(scaled(text, shift), value, "{text}");
        }
    }

    #[test]
    fn power_voltage_and_single_phases_are_no_register() {
        let samples = vec![
            sample("7400", Some("Power.Active.Import"), Some("W"), None),
            sample("10", Some(ENERGY_REGISTER), Some("Wh"), Some("L1")),
            sample("1.5", Some(ENERGY_REGISTER), Some("kWh"), None),
        ];
        let reading = MeterReading { at: Some(Millis(5)), samples };
        assert_eq!(newest_register(&[reading]), Some((Some(Millis(5)), MilliwattHours(1_500_000))));
    }

    #[test]
    fn the_newest_reading_wins_whatever_the_order() {
        let at = |ms, wh| MeterReading {
            at: Some(Millis(ms)),
            samples: vec![sample(wh, None, None, None)],
        };
        let newest = newest_register(&[at(9, "30"), at(5, "20")]);
        assert_eq!(newest, Some((Some(Millis(9)), MilliwattHours::from_wh(30))));
    }
}
