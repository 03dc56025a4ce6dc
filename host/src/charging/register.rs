//! Which of many samples is the energy register. Knows no session.

use crate::domain::{MeterReading, Millis, MilliwattHours, Sample};

/// The measurand that bills are made of, and the default where a sample names none (OCPP 1.6 §7.31).
const ENERGY_REGISTER: &str = "Energy.Active.Import.Register";

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
    MilliwattHours::from_decimal(
        &sample.value,
        sample.multiplier.unwrap_or(0).checked_add(decimals)?,
    )
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
