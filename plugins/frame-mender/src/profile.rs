//! Charging profiles as a model takes them. Knows the names of OCPP 1.6 and 2.x, which differ in little.

use serde::Deserialize;
use serde_json::{Value, json};

/// How SetChargingProfile has to look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Profiles {
    unit: Option<Unit>,
    volts: f64,
    /// Where a period of the profile does not say.
    phases: u32,
    max_stack_level: Option<u64>,
    /// In place of the connector or EVSE that was named.
    connector: Option<u64>,
    /// Relative times become those of the clock.
    absolute: bool,
}

impl Default for Profiles {
    fn default() -> Self {
        Self {
            unit: None,
            volts: 230.0,
            phases: 3,
            max_stack_level: None,
            connector: None,
            absolute: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
enum Unit {
    A,
    W,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::W => "W",
        }
    }
}

impl Profiles {
    pub(crate) fn check(&self) -> Result<(), String> {
        let sensible = (50.0..=1000.0).contains(&self.volts) && (1..=3).contains(&self.phases);
        if sensible { Ok(()) } else { Err("profiles: volts from 50 to 1000, phases 1 to 3".into()) }
    }

    /// `None` for what is no SetChargingProfile.
    pub(crate) fn rewrite(&self, text: &str, now: u64) -> Option<String> {
        // Most frames are something else: those are not read.
        if !text.contains("\"SetChargingProfile\"") {
            return None;
        }
        let mut frame: Value = serde_json::from_str(text).ok()?;
        if frame.get(2)? != "SetChargingProfile" {
            return None;
        }
        let payload = frame.get_mut(3)?;
        if let Some(connector) = self.connector {
            for name in ["connectorId", "evseId"] {
                if let Some(id) = payload.get_mut(name) {
                    *id = json!(connector);
                }
            }
        }
        for name in ["csChargingProfiles", "chargingProfile"] {
            if let Some(profile) = payload.get_mut(name) {
                self.fit(profile, now);
            }
        }
        Some(frame.to_string())
    }

    fn fit(&self, profile: &mut Value, now: u64) {
        if let (Some(most), Some(level)) = (self.max_stack_level, profile.get_mut("stackLevel"))
            && level.as_u64().is_some_and(|level| level > most)
        {
            *level = json!(most);
        }
        let begins = self.absolute && profile["chargingProfileKind"] == "Relative";
        if begins {
            profile["chargingProfileKind"] = json!("Absolute");
        }
        // One schedule on OCPP 1.6, a list of them on 2.x.
        match &mut profile["chargingSchedule"] {
            Value::Array(schedules) => {
                schedules.iter_mut().for_each(|it| self.fit_schedule(it, begins, now));
            }
            schedule @ Value::Object(_) => self.fit_schedule(schedule, begins, now),
            _ => {}
        }
    }

    fn fit_schedule(&self, schedule: &mut Value, begins: bool, now: u64) {
        if begins {
            schedule["startSchedule"] = json!(rfc3339(now));
        }
        let Some(wanted) = self.unit.filter(|unit| schedule["chargingRateUnit"] != unit.as_str())
        else {
            return;
        };
        schedule["chargingRateUnit"] = json!(wanted.as_str());
        let periods = schedule["chargingSchedulePeriod"].as_array_mut();
        for period in periods.into_iter().flatten() {
            let phases = period["numberPhases"].as_f64().unwrap_or(f64::from(self.phases));
            let watts = self.volts * phases;
            let Some(limit) = period["limit"].as_f64() else { continue };
            let limit = if wanted == Unit::A { limit / watts } else { limit * watts };
            // The protocol has one decimal; a limit is never raised.
            period["limit"] = json!((limit * 10.0).floor() / 10.0);
        }
    }
}

/// To the second, in UTC.
fn rfc3339(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Of the day that is so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, usize, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month + 1, days + 1)
}
