//! Meter values as stations send them, of both families. Knows no session.
//!
//! A sample that cannot be read is left out and costs nothing else: the text of the message is kept, and a session's
//! end must not be lost because one of fifty values is odd.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::StationTime;
use crate::domain::{MeterReading, Sample};

/// A list of meter values; what is no list is an empty one.
#[derive(Debug, Default)]
pub(super) struct Readings(pub(super) Vec<MeterReading>);

impl<'de> Deserialize<'de> for Readings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(from)?;
        let values = elements(&text);
        Ok(Self(
            values.iter().filter_map(|value| read::<MeterValue>(value)).map(Into::into).collect(),
        ))
    }
}

/// A time that is left out when it cannot be read.
pub(super) fn time_if_any<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<StationTime>, D::Error> {
    let text = Box::<RawValue>::deserialize(from)?;
    Ok(read::<StationTime>(&text))
}

fn elements(list: &RawValue) -> Vec<Box<RawValue>> {
    serde_json::from_str(list.get()).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned>(text: &RawValue) -> Option<T> {
    serde_json::from_str(text.get()).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MeterValue {
    timestamp: Option<Box<RawValue>>,
    sampled_value: Option<Box<RawValue>>,
}

/// Both families: 1.6 has `unit`, 2.x has `unitOfMeasure`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SampledValue {
    /// Text on 1.6, a number on 2.x, and either on both in the field. Kept digit by digit.
    value: Value,
    context: Option<String>,
    measurand: Option<String>,
    phase: Option<String>,
    location: Option<String>,
    unit: Option<String>,
    unit_of_measure: Option<UnitOfMeasure>,
}

#[derive(Deserialize)]
struct UnitOfMeasure {
    unit: Option<String>,
    multiplier: Option<i32>,
}

impl From<MeterValue> for MeterReading {
    fn from(wire: MeterValue) -> Self {
        let time = wire.timestamp.and_then(|text| read::<StationTime>(&text));
        let samples = wire.sampled_value.map(|list| elements(&list)).unwrap_or_default();
        let samples = samples.iter().filter_map(|text| read::<SampledValue>(text)?.sample());
        Self { at: time.and_then(|time| time.millis), samples: samples.collect() }
    }
}

impl SampledValue {
    fn sample(self) -> Option<Sample> {
        let value = match self.value {
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let (unit, multiplier) = match self.unit_of_measure {
            Some(UnitOfMeasure { unit, multiplier }) => (unit, multiplier.filter(|m| *m != 0)),
            None => (self.unit, None),
        };
        Some(Sample {
            value,
            measurand: self.measurand,
            unit,
            phase: self.phase,
            context: self.context,
            location: self.location,
            multiplier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(Option<u64>, Vec<String>)> {
        let Readings(readings) = serde_json::from_str(text).unwrap();
        let values = |reading: MeterReading| {
            let values = reading.samples.into_iter().map(|sample| sample.value).collect();
            (reading.at.map(|at| at.0), values)
        };
        readings.into_iter().map(values).collect()
    }

    #[test]
    fn one_odd_sample_costs_the_others_nothing() {
        let odd = r#"[{"timestamp":"1970-01-01T00:00:05Z","sampledValue":[{"value":"1"},{"value":2.50},
            {"value":""},{"value":null},{"no":"value"},7,{"value":"3","unit":"Hertz"}]},
            {"timestamp":"","sampledValue":[{"value":"4"}]},{"timestamp":"1970-01-01T00:00:06Z"},"odd"]"#;
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [
            (Some(5_000), words(&["1", "2.50", "3"])),
            (None, words(&["4"])),
            (Some(6_000), words(&[])),
        ];
        assert_eq!(values(odd), expected);
    }

    #[test]
    fn what_is_no_list_is_an_empty_one() {
        assert!(values("null").is_empty());
        assert!(values("{}").is_empty());
    }
}
