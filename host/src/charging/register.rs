//! Which of many samples is the energy register. Knows no session.

use crate::domain::{MeterReading, Millis, MilliwattHours, Sample};

/// The measurand that bills are made of, and the default where a sample names none (OCPP 1.6 §7.31).
const ENERGY_REGISTER: &str = "Energy.Active.Import.Register";

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
    scaled(&sample.value, decimals).map(MilliwattHours)
}

/// A decimal number times 10^`decimals`, further digits cut off. Exact: a register of 2^53 does not fit a float.
fn scaled(text: &str, decimals: usize) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let kept = fraction.get(..decimals.min(fraction.len()))?;
    let number: i64 = format!("{whole}{kept:0<decimals$}").parse().ok()?;
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
        }
    }

    #[test]
    fn values_are_scaled_without_a_float() {
        for (text, decimals, value) in [
            ("1200", 3, Some(1_200_000)),
            ("1.2345", 3, Some(1_234)),
            ("12.5", 6, Some(12_500_000)),
            ("-3", 3, Some(-3_000)),
            ("9007199254740.993", 3, Some(9_007_199_254_740_993)),
            ("", 3, None),
            ("1e3", 3, None),
            (".5", 3, None),
            ("99999999999999999999", 3, None),
        ] {
            assert_eq!(scaled(text, decimals), value, "{text}");
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
